-- Declared indexes of fields. The declarations stand with the model; the indexes themselves are made and removed by the
-- index builder, which notes here what it could not make.

ALTER TABLE {schema}.entity_model ADD COLUMN indexes json NOT NULL DEFAULT '[]';

CREATE TABLE {schema}.field_index_failure (
    name            text        NOT NULL COLLATE "C" PRIMARY KEY,
    error           text        NOT NULL COLLATE "C",
    failed_at       timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE {schema}.field_index_failure IS 'Declared indexes whose last building failed, and why';

-- Searches by index look here for the few documents that jsonb does not hold as they are.
CREATE INDEX head_lossy ON {schema}.head (model_id) WHERE lossy AND NOT deleted;
