-- name: add_search_job
WITH added AS (
    INSERT INTO {schema}.search_job (
        id, model_name, model_version, condition, sort, snapshot, at, submitter_id, submitter_kind, created_at,
        report_definition_id, report_class, report, report_definition
    )
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $14, $15, $16, $17)
)
INSERT INTO public.cyoda_pending_work (schema_name, kind, id, tenant, due_at) VALUES ($11, 'search', $1, $12, $13)

-- name: search_job
SELECT id, model_name, model_version, condition, sort, snapshot, at, submitter_id, submitter_kind, created_at, status,
    finished_at, examined, found, attempts, error, report
FROM {schema}.search_job
WHERE id = $1

-- name: last_search_jobs
-- The $2 newest, or those older than the job $1; no reports.
SELECT id, model_name, model_version, condition, sort, snapshot, at, submitter_id, submitter_kind, created_at, status,
    finished_at, examined, found, attempts, error, report
FROM {schema}.search_job
WHERE report_definition_id IS NULL AND ($1::uuid IS NULL
    OR (created_at, id) < (SELECT j.created_at, j.id FROM {schema}.search_job j WHERE j.id = $1))
ORDER BY created_at DESC, id DESC
LIMIT $2

-- name: hold_search_job
-- Results of earlier attempts go; what a late one still adds is never read, because it belongs to another run.
WITH held AS (
    UPDATE {schema}.search_job
    SET run = $2, lease_until = $3, attempts = attempts + 1, examined = 0, found = 0
    WHERE id = $1 AND status = 'RUNNING' AND (lease_until IS NULL OR lease_until <= $4)
    RETURNING *
), emptied AS (
    DELETE FROM {schema}.search_job_result WHERE job_id = $1 AND EXISTS (SELECT FROM held)
), due AS (
    UPDATE public.cyoda_pending_work SET due_at = $3
    WHERE schema_name = $5 AND id = $1 AND EXISTS (SELECT FROM held)
)
SELECT id, model_name, model_version, condition, sort, snapshot, at, submitter_id, submitter_kind, created_at, status,
    finished_at, examined, found, attempts, error, report
FROM held

-- name: advance_search_job
WITH held AS (
    UPDATE {schema}.search_job
    SET lease_until = $3, examined = $4, found = found + cardinality($5::uuid[])
    WHERE id = $1 AND run = $2 AND status = 'RUNNING'
    RETURNING found - cardinality($5::uuid[]) AS first
), added AS (
    INSERT INTO {schema}.search_job_result (job_id, run, first, entity_ids)
    SELECT $1, $2, first, $5::uuid[] FROM held WHERE cardinality($5::uuid[]) > 0
), due AS (
    UPDATE public.cyoda_pending_work SET due_at = $3
    WHERE schema_name = $6 AND id = $1 AND EXISTS (SELECT FROM held)
)
SELECT count(*) FROM held

-- name: finish_search_job
-- $2 is the run that must hold the job, or null for whoever does.
WITH ended AS (
    UPDATE {schema}.search_job
    SET status = $3, finished_at = $4, error = $5, lease_until = NULL, report_groups = $8
    WHERE id = $1 AND status = 'RUNNING' AND ($2::uuid IS NULL OR run = $2)
    RETURNING 1
), emptied AS (
    DELETE FROM {schema}.search_job_result
    WHERE job_id = $1 AND $3 <> 'SUCCESSFUL' AND EXISTS (SELECT FROM ended)
), due AS (
    UPDATE public.cyoda_pending_work SET kind = 'expiry', due_at = $6
    WHERE schema_name = $7 AND id = $1 AND EXISTS (SELECT FROM ended)
)
SELECT count(*) FROM ended

-- name: search_job_ids
-- The rows that hold the ids from number $2 on, up to number $3; no row holds more than $4.
SELECT r.first, r.entity_ids
FROM {schema}.search_job_result r
WHERE r.job_id = $1 AND r.run = (SELECT j.run FROM {schema}.search_job j WHERE j.id = $1 AND j.status = 'SUCCESSFUL')
    AND r.first > $2::bigint - $4::bigint AND r.first < $3
ORDER BY r.first

-- name: read_seen
-- The live versions of ids as the snapshot $2 sees them, of the instant $3 if there is one, numbered from 1.
SELECT q.number::int, v.entity_id, v.model_name, v.model_version, v.version, v.state, v.document, v.created_at,
    v.valid_from, v.transaction_id, v.transition, v.attributed_id, v.attributed_kind, v.executor_id, v.executor_kind,
    v.deleted
FROM unnest($1::uuid[]) WITH ORDINALITY AS q(entity_id, number)
CROSS JOIN LATERAL (
    SELECT *
    FROM {schema}.entity_version n
    WHERE n.entity_id = q.entity_id AND pg_visible_in_snapshot(n.xid, $2::pg_snapshot)
        AND n.valid_from <= coalesce($3::timestamptz, 'infinity')
    ORDER BY n.valid_from DESC
    LIMIT 1
) v
WHERE NOT v.deleted
ORDER BY q.number

-- name: remove_search_job
WITH results AS (
    DELETE FROM {schema}.search_job_result WHERE job_id = $1
), due AS (
    DELETE FROM public.cyoda_pending_work WHERE schema_name = $2 AND id = $1
)
DELETE FROM {schema}.search_job WHERE id = $1

-- name: forget_search_jobs
-- Their snapshots mean nothing in another database cluster.
WITH results AS (
    DELETE FROM {schema}.search_job_result
), jobs AS (
    DELETE FROM {schema}.search_job
)
DELETE FROM public.cyoda_pending_work WHERE schema_name = $1 AND kind IN ('search', 'expiry')

-- name: take_due_work
UPDATE public.cyoda_pending_work
SET due_at = $3, attempts = attempts + 1
WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM public.cyoda_pending_work
    WHERE kind = $1 AND due_at <= $2
    ORDER BY due_at
    LIMIT $4
    FOR UPDATE SKIP LOCKED
))
RETURNING tenant, kind, id

-- name: next_due_work
SELECT due_at FROM public.cyoda_pending_work WHERE kind = $1 ORDER BY due_at LIMIT 1

-- name: forget_work
DELETE FROM public.cyoda_pending_work WHERE schema_name = $1

-- name: drop_work
DELETE FROM public.cyoda_pending_work WHERE tenant = $1 AND id = $2
