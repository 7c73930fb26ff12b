-- Each import leaves all workflows of its model as a version, so that any two can be compared and one put back. What was
-- imported before versions were kept is the first.

CREATE TABLE {schema}.workflow_version (
    model_id        uuid        NOT NULL,
    number          integer     NOT NULL,
    at              timestamptz NOT NULL,
    mode            text        NOT NULL COLLATE "C",
    actor_id        text        COLLATE "C",
    actor_kind      text        COLLATE "C",
    names           text[]      NOT NULL,
    documents       text[]      NOT NULL,
    PRIMARY KEY (model_id, number)
);
COMMENT ON TABLE {schema}.workflow_version IS 'All workflows of a model as one import left them, append-only';

INSERT INTO {schema}.workflow_version (model_id, number, at, mode, names, documents)
SELECT model_id, 1, now(), '', array_agg(coalesce(name, '') ORDER BY position), array_agg(document ORDER BY position)
FROM {schema}.workflow
GROUP BY model_id;
