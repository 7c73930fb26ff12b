-- Asynchronous searches. The table of pending work is one for all tenants, so that whoever looks for work that nobody
-- does need not ask every schema; its rows are written with the rows they name.

DO $$
BEGIN
    IF to_regclass('public.cyoda_pending_work') IS NULL THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('cyoda_pending_work', 0));
        CREATE TABLE IF NOT EXISTS public.cyoda_pending_work (
            schema_name     text        NOT NULL COLLATE "C",
            kind            text        NOT NULL COLLATE "C",
            id              uuid        NOT NULL,
            tenant          text        NOT NULL COLLATE "C",
            due_at          timestamptz NOT NULL,
            PRIMARY KEY (schema_name, id)
        ) WITH (fillfactor = 50);
        CREATE INDEX IF NOT EXISTS cyoda_pending_work_due ON public.cyoda_pending_work (kind, due_at);
        COMMENT ON TABLE public.cyoda_pending_work IS 'Rows of tenants that somebody must act on, and when somebody should have';
    END IF;
END
$$;

CREATE TABLE {schema}.search_job (
    id              uuid        NOT NULL PRIMARY KEY,
    run             uuid,
    at              timestamptz,
    created_at      timestamptz NOT NULL,
    finished_at     timestamptz,
    lease_until     timestamptz,
    examined        bigint      NOT NULL DEFAULT 0,
    found           bigint      NOT NULL DEFAULT 0,
    attempts        integer     NOT NULL DEFAULT 0,
    model_version   integer     NOT NULL,
    model_name      text        NOT NULL COLLATE "C",
    status          text        NOT NULL COLLATE "C" DEFAULT 'RUNNING',
    snapshot        text        NOT NULL COLLATE "C",
    sort            text        NOT NULL COLLATE "C",
    submitter_id    text        NOT NULL COLLATE "C",
    submitter_kind  text        NOT NULL COLLATE "C",
    condition       text        NOT NULL COLLATE "C",
    error           text        NOT NULL COLLATE "C" DEFAULT ''
) WITH (fillfactor = 75);
COMMENT ON TABLE {schema}.search_job IS 'Asynchronous searches; run is the attempt that holds the job until lease_until, and whose result counts';

CREATE TABLE {schema}.search_job_result (
    job_id          uuid        NOT NULL,
    run             uuid        NOT NULL,
    first           bigint      NOT NULL,
    entity_ids      uuid[]      NOT NULL,
    PRIMARY KEY (job_id, run, first)
);
COMMENT ON TABLE {schema}.search_job_result IS 'Ids that an attempt found, many a row, in order; first is the number (from 0) of a row''s first id';
