-- The planner puts its condition over the head `h` in place of {narrowing}; its parameters follow those named here.
-- What is behind an id is `>` it, or `<` in descending order. Rows are numbered 1, or 2 where the head does not tell whether they satisfy it.

-- name: scan_latest
-- The first batch of the latest state, and the token by which the others see the same state (in a row numbered 0).
SELECT 0 AS number, NULL::uuid AS entity_id, pg_current_snapshot()::text AS model_name, NULL::int, NULL::int,
    NULL::text, NULL::text, NULL::timestamptz, NULL::timestamptz, NULL::uuid, NULL::text, NULL::text, NULL::text,
    NULL::text, NULL::text, NULL::boolean
UNION ALL
(
    SELECT CASE WHEN page.lossy THEN 2 ELSE 1 END, v.entity_id, v.model_name, v.model_version, v.version, v.state, v.document, v.created_at,
        v.valid_from, v.transaction_id, v.transition, v.attributed_id, v.attributed_kind, v.executor_id,
        v.executor_kind, v.deleted
    FROM (
        SELECT h.entity_id, h.valid_from, h.lossy
        FROM {schema}.head h
        WHERE h.model_id = $1 AND h.entity_id {behind} $4 AND NOT h.deleted AND {narrowing}
        ORDER BY h.entity_id {direction}
        OFFSET $2 LIMIT $3
    ) page
    CROSS JOIN LATERAL (
        SELECT * FROM {schema}.entity_version n
        WHERE n.entity_id = page.entity_id AND n.valid_from = page.valid_from
        LIMIT 1
    ) v
    ORDER BY page.entity_id {direction}
)

-- name: scan_snapshot
-- One batch behind the id $4 at the snapshot $5. A head that the snapshot cannot see is passed over to its versions.
SELECT CASE WHEN h.lossy OR NOT pg_visible_in_snapshot(h.xid, $5::pg_snapshot) THEN 2 ELSE 1 END, v.entity_id, v.model_name, v.model_version, v.version, v.state, v.document, v.created_at,
    v.valid_from, v.transaction_id, v.transition, v.attributed_id, v.attributed_kind, v.executor_id,
    v.executor_kind, v.deleted
FROM {schema}.head h
CROSS JOIN LATERAL (
    SELECT * FROM {schema}.entity_version n
    WHERE n.entity_id = h.entity_id AND pg_visible_in_snapshot(n.xid, $5::pg_snapshot)
    ORDER BY n.valid_from DESC
    LIMIT 1
) v
WHERE h.model_id = $1 AND h.entity_id {behind} $4 AND NOT v.deleted
    AND (NOT pg_visible_in_snapshot(h.xid, $5::pg_snapshot) OR {narrowing})
ORDER BY h.entity_id {direction}
OFFSET $2 LIMIT $3

-- name: scan_instant
-- As `scan_snapshot`, of what was valid at the instant $6.
SELECT CASE WHEN h.lossy OR h.valid_from > $6 OR NOT pg_visible_in_snapshot(h.xid, $5::pg_snapshot) THEN 2 ELSE 1 END,
    v.entity_id, v.model_name, v.model_version, v.version, v.state, v.document, v.created_at,
    v.valid_from, v.transaction_id, v.transition, v.attributed_id, v.attributed_kind, v.executor_id,
    v.executor_kind, v.deleted
FROM {schema}.head h
CROSS JOIN LATERAL (
    SELECT * FROM {schema}.entity_version n
    WHERE n.entity_id = h.entity_id AND n.valid_from <= $6 AND pg_visible_in_snapshot(n.xid, $5::pg_snapshot)
    ORDER BY n.valid_from DESC
    LIMIT 1
) v
WHERE h.model_id = $1 AND h.entity_id {behind} $4 AND NOT v.deleted
    AND h.created_at <= $6 AND (h.valid_from > $6 OR NOT pg_visible_in_snapshot(h.xid, $5::pg_snapshot) OR {narrowing})
ORDER BY h.entity_id {direction}
OFFSET $2 LIMIT $3

-- name: snapshot
SELECT pg_current_snapshot()::text
