-- name: report_definitions
-- Those of the ids $1, or all.
SELECT id, document, owner_id, owner_kind, created_at
FROM {schema}.report_definition
WHERE $1::text[] IS NULL OR id = ANY ($1)
ORDER BY id

-- name: lock_report_definitions
LOCK TABLE {schema}.report_definition IN SHARE ROW EXCLUSIVE MODE

-- name: report_runs
-- How many runs there are of each of the definitions $1 that has any.
SELECT report_definition_id, count(*)
FROM {schema}.search_job
WHERE report_definition_id = ANY ($1)
GROUP BY report_definition_id

-- name: save_report_definition
INSERT INTO {schema}.report_definition (id, document, owner_id, owner_kind, created_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (id) DO UPDATE
SET document = excluded.document, owner_id = excluded.owner_id, owner_kind = excluded.owner_kind,
    created_at = excluded.created_at

-- name: delete_report_definition
DELETE FROM {schema}.report_definition WHERE id = $1

-- name: reports
-- A page of the runs of reports; an empty one is a row with their number only.
WITH wanted AS (
    SELECT *
    FROM {schema}.search_job
    WHERE report_definition_id IS NOT NULL
        AND ($1::text IS NULL OR report_definition_id = $1)
        AND ($2::text IS NULL OR report_class = $2)
        AND ($3::text IS NULL OR submitter_id = $3)
        AND status = ANY ($4::text[])
        AND ($5::timestamptz IS NULL OR created_at >= $5)
        AND ($6::timestamptz IS NULL OR created_at <= $6)
), counted AS (
    SELECT count(*) AS total FROM wanted
), page AS (
    SELECT id, model_name, model_version, condition, sort, snapshot, at, submitter_id, submitter_kind, created_at,
        status, finished_at, examined, found, attempts, error, report
    FROM wanted
    -- when newest
    ORDER BY created_at DESC, id DESC
    -- end
    -- when oldest
    ORDER BY created_at, id
    -- end
    OFFSET $7 LIMIT $8
)
SELECT counted.total, page.*
FROM counted LEFT JOIN page ON true

-- name: report_texts
SELECT report_definition, report_groups FROM {schema}.search_job WHERE id = $1
