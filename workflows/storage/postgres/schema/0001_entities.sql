-- Everything one tenant owns. Sizes: a head is rewritten in its page when the entity changes (no indexed column of it
-- ever changes), so its pages keep room; a version is closed once, so its pages keep a little.

CREATE TABLE {schema}.entity_version (
    entity_id       uuid        NOT NULL,
    transaction_id  uuid        NOT NULL,
    valid_from      timestamptz NOT NULL,
    valid_to        timestamptz NOT NULL DEFAULT 'infinity',
    created_at      timestamptz NOT NULL,
    xid             xid8        NOT NULL DEFAULT pg_current_xact_id(),
    version         integer     NOT NULL,
    model_version   integer     NOT NULL,
    deleted         boolean     NOT NULL,
    model_name      text        NOT NULL COLLATE "C",
    state           text        NOT NULL COLLATE "C",
    transition      text        NOT NULL COLLATE "C",
    attributed_id   text        NOT NULL COLLATE "C",
    attributed_kind text        NOT NULL COLLATE "C",
    executor_id     text        NOT NULL COLLATE "C",
    executor_kind   text        NOT NULL COLLATE "C",
    document        text        COLLATE "C",
    PRIMARY KEY (entity_id, valid_from)
) WITH (fillfactor = 90);
COMMENT ON TABLE {schema}.entity_version IS 'Every version of every entity; the document is the text as it was written, null for a deletion';

CREATE TABLE {schema}.head (
    entity_id       uuid        NOT NULL PRIMARY KEY,
    model_id        uuid        NOT NULL,
    transaction_id  uuid        NOT NULL,
    valid_from      timestamptz NOT NULL,
    created_at      timestamptz NOT NULL,
    xid             xid8        NOT NULL DEFAULT pg_current_xact_id(),
    version         integer     NOT NULL,
    model_version   integer     NOT NULL,
    deleted         boolean     NOT NULL,
    lossy           boolean     NOT NULL,
    model_name      text        NOT NULL COLLATE "C",
    state           text        NOT NULL COLLATE "C",
    transition      text        NOT NULL COLLATE "C",
    document        jsonb
) WITH (fillfactor = 75);
COMMENT ON TABLE {schema}.head IS 'The newest version of every entity, for searches and views; lossy marks a document that jsonb cannot hold as it is';
CREATE INDEX head_model ON {schema}.head (model_id, entity_id);

CREATE TABLE {schema}.audit (
    entity_id       uuid        NOT NULL,
    seq             bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    transaction_id  uuid        NOT NULL,
    events          text        NOT NULL COLLATE "C",
    PRIMARY KEY (entity_id, seq)
);
COMMENT ON TABLE {schema}.audit IS 'What the engine did, one row for each entity and operation; events is a JSON array';

CREATE TABLE {schema}.timer (
    id              text        NOT NULL COLLATE "C" PRIMARY KEY,
    entity_id       uuid        NOT NULL,
    due_at          timestamptz NOT NULL,
    armed_at        timestamptz NOT NULL,
    timeout_ms      bigint,
    model_version   integer     NOT NULL,
    model_name      text        NOT NULL COLLATE "C",
    source_state    text        NOT NULL COLLATE "C",
    transition      text        NOT NULL COLLATE "C",
    armed_by_id     text        NOT NULL COLLATE "C",
    armed_by_kind   text        NOT NULL COLLATE "C"
);
COMMENT ON TABLE {schema}.timer IS 'Armed timers of scheduled transitions';
CREATE INDEX timer_due ON {schema}.timer (due_at);
CREATE INDEX timer_entity ON {schema}.timer (entity_id);

CREATE TABLE {schema}.claim (
    model_id        uuid        NOT NULL,
    key_id          text        NOT NULL COLLATE "C",
    digest          bytea       NOT NULL,
    entity_id       uuid        NOT NULL,
    PRIMARY KEY (model_id, key_id, digest)
);
COMMENT ON TABLE {schema}.claim IS 'Unique values and the live entities that hold them';
CREATE INDEX claim_entity ON {schema}.claim (entity_id);

CREATE TABLE {schema}.message (
    id              uuid        NOT NULL PRIMARY KEY,
    created_at      timestamptz NOT NULL,
    header          text        NOT NULL COLLATE "C",
    metadata        text        NOT NULL COLLATE "C",
    payload         text        NOT NULL COLLATE "C"
);
COMMENT ON TABLE {schema}.message IS 'Edge messages; header, metadata and payload are JSON texts as they were given';

CREATE TABLE {schema}.entity_model (
    id              uuid        NOT NULL PRIMARY KEY,
    name            text        NOT NULL COLLATE "C",
    version         integer     NOT NULL,
    locked          boolean     NOT NULL,
    change_level    text        COLLATE "C",
    node            json        NOT NULL,
    unique_keys     json        NOT NULL,
    updated_at      timestamptz NOT NULL,
    UNIQUE (name, version)
);
COMMENT ON TABLE {schema}.entity_model IS 'Entity models: the schema as a JSON tree, and how it may change';

CREATE TABLE {schema}.workflow (
    model_id        uuid        NOT NULL,
    position        integer     NOT NULL,
    document        text        NOT NULL COLLATE "C",
    name            text        COLLATE "C",
    active          boolean,
    PRIMARY KEY (model_id, position)
);
COMMENT ON TABLE {schema}.workflow IS 'Imported workflows in their order; the document is authoritative, name and active are its members for display';

CREATE TABLE {schema}.configuration (
    one             boolean     NOT NULL PRIMARY KEY DEFAULT true CHECK (one),
    epoch           bigint      NOT NULL DEFAULT 0
);
COMMENT ON TABLE {schema}.configuration IS 'One row; the epoch rises with every change of models or workflows, and every commit holds the row shared';
INSERT INTO {schema}.configuration DEFAULT VALUES;
