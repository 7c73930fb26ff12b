-- Reports: definitions as they were sent, and runs, which are searches with a plan of what is shown of their result.

CREATE TABLE {schema}.report_definition (
    id              text        NOT NULL COLLATE "C" PRIMARY KEY,
    created_at      timestamptz NOT NULL,
    owner_id        text        NOT NULL COLLATE "C",
    owner_kind      text        NOT NULL COLLATE "C",
    document        text        NOT NULL COLLATE "C"
);

ALTER TABLE {schema}.search_job
    ADD COLUMN report_definition_id text COLLATE "C",
    ADD COLUMN report_class         text COLLATE "C",
    ADD COLUMN report               text COLLATE "C",
    ADD COLUMN report_definition    text NOT NULL COLLATE "C" DEFAULT '',
    ADD COLUMN report_groups        text NOT NULL COLLATE "C" DEFAULT '';
CREATE INDEX search_job_report ON {schema}.search_job (created_at) WHERE report_definition_id IS NOT NULL;
CREATE INDEX search_job_report_definition ON {schema}.search_job (report_definition_id)
    WHERE report_definition_id IS NOT NULL;
