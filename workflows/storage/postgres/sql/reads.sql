-- name: read
-- The newest live version of each ($1 id, $2 snapshot or null for what is committed, $3 instant or null for the latest),
-- numbered from 1.
-- A beginning transaction also gets a snapshot token, in a row numbered 0, and the versions of that same snapshot.
-- when begin
SELECT 0 AS number, NULL::uuid AS entity_id, pg_current_snapshot()::text AS model_name, NULL::int, NULL::int,
    NULL::text, NULL::text, NULL::timestamptz, NULL::timestamptz, NULL::uuid, NULL::text, NULL::text, NULL::text,
    NULL::text, NULL::text, NULL::boolean
UNION ALL
-- end
SELECT q.number::int, v.entity_id, v.model_name, v.model_version, v.version, v.state, v.document, v.created_at,
    v.valid_from, v.transaction_id, v.transition, v.attributed_id, v.attributed_kind, v.executor_id, v.executor_kind,
    v.deleted
FROM unnest($1::uuid[], $2::text[], $3::timestamptz[]) WITH ORDINALITY AS q(entity_id, token, at, number)
CROSS JOIN LATERAL (
    SELECT *
    FROM {schema}.entity_version n
    WHERE n.entity_id = q.entity_id
        AND n.valid_from <= coalesce(q.at, 'infinity')
        AND (q.token IS NULL OR pg_visible_in_snapshot(n.xid, q.token::pg_snapshot))
    ORDER BY n.valid_from DESC
    LIMIT 1
) v
WHERE NOT v.deleted

-- name: read_written_by
SELECT 1, v.entity_id, v.model_name, v.model_version, v.version, v.state, v.document, v.created_at,
    v.valid_from, v.transaction_id, v.transition, v.attributed_id, v.attributed_kind, v.executor_id, v.executor_kind,
    v.deleted
FROM {schema}.entity_version v
WHERE v.entity_id = $1 AND v.transaction_id = $2 AND NOT v.deleted
ORDER BY v.valid_from DESC
LIMIT 1

-- name: history
SELECT 1, v.entity_id, v.model_name, v.model_version, v.version, v.state, NULL::text, v.created_at,
    v.valid_from, v.transaction_id, v.transition, v.attributed_id, v.attributed_kind, v.executor_id, v.executor_kind,
    v.deleted
FROM {schema}.entity_version v
WHERE v.entity_id = $1 AND v.valid_from <= $2
ORDER BY v.valid_from DESC
LIMIT $3

-- name: count_all
SELECT model_name, model_version, state, count(*), max(valid_from)
FROM {schema}.head
WHERE NOT deleted
GROUP BY model_name, model_version, state

-- name: count_model
SELECT model_name, model_version, state, count(*), max(valid_from)
FROM {schema}.head
WHERE model_id = $1 AND NOT deleted
GROUP BY model_name, model_version, state

-- name: audit
SELECT transaction_id, events FROM {schema}.audit WHERE entity_id = $1 ORDER BY seq

-- name: audited_transactions
-- Of each transaction its last row; how many it has tells the index.
SELECT a.seq, a.transaction_id, (SELECT count(*) FROM {schema}.audit n WHERE n.transaction_id = a.transaction_id)
FROM {schema}.audit a
WHERE a.seq < $1 AND a.seq = (SELECT max(n.seq) FROM {schema}.audit n WHERE n.transaction_id = a.transaction_id)
ORDER BY a.seq DESC
LIMIT $2

-- name: audit_of_transactions
SELECT a.entity_id, a.transaction_id, a.events, h.model_name, h.model_version
FROM unnest($1::uuid[]) AS wanted(id)
CROSS JOIN LATERAL (
    (SELECT * FROM {schema}.audit n WHERE n.transaction_id = wanted.id ORDER BY n.seq LIMIT $2)
    UNION
    (SELECT * FROM {schema}.audit n WHERE n.transaction_id = wanted.id ORDER BY n.seq DESC LIMIT 1)
) a
LEFT JOIN LATERAL (
    SELECT model_name, model_version FROM {schema}.head WHERE entity_id = a.entity_id LIMIT 1
) h ON true
ORDER BY a.seq

-- name: timers
SELECT id, entity_id, model_name, model_version, source_state, transition, due_at, timeout_ms, armed_at, armed_by_id,
    armed_by_kind
FROM {schema}.timer
WHERE id = ANY($1::text[])

-- name: timers_of
SELECT id, entity_id, model_name, model_version, source_state, transition, due_at, timeout_ms, armed_at, armed_by_id,
    armed_by_kind
FROM {schema}.timer
WHERE entity_id = $1
ORDER BY due_at, id
