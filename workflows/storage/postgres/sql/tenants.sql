-- name: create_registry
CREATE TABLE IF NOT EXISTS public.cyoda_schema (
    schema_name       text        NOT NULL COLLATE "C" PRIMARY KEY,
    version           integer     NOT NULL,
    system_identifier bigint      NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT now()
)

-- name: has_registry
SELECT to_regclass('public.cyoda_schema') IS NOT NULL

-- name: lock
-- Held until the transaction ends; creations and upgrades of all nodes follow each other.
SELECT pg_advisory_xact_lock(hashtextextended($1, 0))

-- name: schema_version
SELECT version FROM public.cyoda_schema WHERE schema_name = $1

-- name: register
INSERT INTO public.cyoda_schema (schema_name, version, system_identifier)
VALUES ($1, $2, (SELECT system_identifier FROM pg_control_system()))
ON CONFLICT (schema_name) DO UPDATE SET version = excluded.version, system_identifier = excluded.system_identifier

-- name: unregister
DELETE FROM public.cyoda_schema WHERE schema_name = $1

-- name: outdated
-- Schemas behind version $1, or last used by another database cluster (a restored dump, whose xids mean nothing here).
SELECT s.schema_name, s.version, s.system_identifier <> c.system_identifier
FROM public.cyoda_schema s, pg_control_system() c
WHERE s.version < $1 OR s.system_identifier <> c.system_identifier

-- name: system_identifier
SELECT system_identifier FROM pg_control_system()

-- name: rebase_versions
-- Xid 3 precedes every snapshot: what was restored is visible to all of them.
UPDATE {schema}.entity_version SET xid = '3'

-- name: rebase_heads
UPDATE {schema}.head SET xid = '3'
