-- name: candidates
-- Heads that an index leads to, and are not lossy. What is in braces is the planner's.
SELECT h.entity_id, h.valid_from, h.lossy
FROM {schema}.head h
WHERE {model} AND NOT h.deleted AND NOT h.lossy AND {lookup} AND {narrowing}

-- name: lossy_candidates
SELECT h.entity_id, h.valid_from, h.lossy
FROM {schema}.head h
WHERE {model} AND NOT h.deleted AND h.lossy

-- name: scan_candidates
-- The first $1 of the latest state behind the id $3, and in a row numbered 0 what follows them; $2 candidates are too many.
-- Rows whose candidate is lossy are numbered 2.
WITH found AS MATERIALIZED (
    SELECT entity_id, valid_from, lossy FROM ({candidates}) c WHERE entity_id {behind} $3 LIMIT $2
), first AS MATERIALIZED (
    SELECT entity_id, valid_from, lossy FROM found ORDER BY entity_id {direction} LIMIT $1
)
SELECT 0 AS number, NULL::uuid AS entity_id, pg_current_snapshot()::text AS model_name, NULL::int, NULL::int,
    NULL::text, NULL::text, NULL::timestamptz, NULL::timestamptz, NULL::uuid, NULL::text, NULL::text, NULL::text,
    NULL::text, NULL::text, NULL::boolean,
    (SELECT count(*) FROM found) >= $2 AS too_many, rest.entity_ids, rest.moments, rest.lossy
FROM (
    SELECT array_agg(entity_id) AS entity_ids, array_agg(valid_from) AS moments, array_agg(lossy) AS lossy
    FROM (SELECT entity_id, valid_from, lossy FROM found ORDER BY entity_id {direction} OFFSET $1) f
) rest
UNION ALL
(
    SELECT CASE WHEN first.lossy THEN 2 ELSE 1 END, v.entity_id, v.model_name, v.model_version, v.version, v.state,
        v.document, v.created_at, v.valid_from, v.transaction_id, v.transition, v.attributed_id, v.attributed_kind,
        v.executor_id, v.executor_kind, v.deleted, NULL, NULL, NULL, NULL
    FROM first
    CROSS JOIN LATERAL (
        SELECT * FROM {schema}.entity_version n
        WHERE n.entity_id = first.entity_id AND n.valid_from = first.valid_from
        LIMIT 1
    ) v
    ORDER BY first.entity_id {direction}
)

-- name: read_candidates
-- Versions by entity and moment, numbered from 1.
SELECT q.number::int, v.entity_id, v.model_name, v.model_version, v.version, v.state, v.document, v.created_at,
    v.valid_from, v.transaction_id, v.transition, v.attributed_id, v.attributed_kind, v.executor_id, v.executor_kind,
    v.deleted
FROM unnest($1::uuid[], $2::timestamptz[]) WITH ORDINALITY AS q(entity_id, valid_from, number)
CROSS JOIN LATERAL (
    SELECT * FROM {schema}.entity_version n
    WHERE n.entity_id = q.entity_id AND n.valid_from = q.valid_from
    LIMIT 1
) v
ORDER BY q.number

-- name: explain_candidates
EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {candidates}

-- name: explain_heads
EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON)
SELECT h.entity_id FROM {schema}.head h WHERE h.model_id = $1 AND NOT h.deleted AND {narrowing}

-- name: declared_indexes
-- The models that declare indexes.
SELECT 0, m.name, m.version, m.locked, m.change_level, m.node, m.unique_keys, m.updated_at, m.indexes
FROM {schema}.entity_model m
WHERE m.indexes::text <> '[]'

-- name: existing_indexes
-- The declared indexes that exist, whether they are usable, and how far building them is.
SELECT c.relname, i.indisvalid, p.phase, p.blocks_done, p.blocks_total, p.tuples_done, p.tuples_total
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
LEFT JOIN pg_stat_progress_create_index p ON p.index_relid = i.indexrelid AND p.relid = i.indrelid
WHERE i.indrelid = to_regclass($1) AND c.relname LIKE 'field\_%'

-- name: failed_indexes
SELECT name FROM {schema}.field_index_failure

-- name: note_failed_index
INSERT INTO {schema}.field_index_failure (name, error) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET error = excluded.error, failed_at = now()

-- name: keep_failed_indexes
DELETE FROM {schema}.field_index_failure WHERE name <> ALL ($1::text[])

-- name: want_indexes
-- One row of work for all indexes of a schema; $2 is its id.
INSERT INTO public.cyoda_pending_work (schema_name, kind, id, tenant, due_at)
VALUES ($1, 'index', $2, '', now())
ON CONFLICT (schema_name, id) DO UPDATE SET due_at = excluded.due_at

-- name: take_wanted_indexes
-- Schemas whose indexes somebody should look after, which is due again after $1 unless it gets done.
UPDATE public.cyoda_pending_work
SET due_at = now() + $1::interval
WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM public.cyoda_pending_work WHERE kind = 'index' AND due_at <= now() ORDER BY due_at
    LIMIT 10 FOR UPDATE SKIP LOCKED
))
RETURNING schema_name, id, due_at

-- name: have_wanted_indexes
-- Unless they were wanted anew since they were taken.
DELETE FROM public.cyoda_pending_work WHERE schema_name = $1 AND id = $2 AND due_at = $3

-- name: has_pending_work
SELECT to_regclass('public.cyoda_pending_work') IS NOT NULL

-- name: schema_exists
SELECT to_regclass($1) IS NOT NULL

-- name: try_building
-- Held by one builder of a schema at a time, as long as its connection lives.
SELECT pg_try_advisory_lock(hashtextextended($1, 1))
