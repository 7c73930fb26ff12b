-- name: commit
-- One batch of change sets ("members", numbered from 1 in $1) in one statement: each is written whole or refused alone.
-- Answers a row for each refused member (verdict 1 stale configuration, 2 conflict, 3 unique violation) and for each
-- accepted one whose stamp moved (verdict 0).
-- Parts between "when" and "end" are left out of a batch that has nothing for them (see Statements.variant).
-- The lock gives the newest heads even when they changed after the statement began; rows that appeared since then
-- (a head of the same id, a claim of the same value) fail the whole statement on their keys, and the caller repeats.
WITH current AS MATERIALIZED (
    SELECT epoch FROM {schema}.configuration FOR SHARE
), locked AS MATERIALIZED (
    SELECT entity_id, version, deleted, valid_from, created_at
    FROM {schema}.head
    WHERE entity_id = ANY($2::uuid[])
        AND (SELECT epoch FROM current) IS NOT NULL  -- configuration is locked before heads, here as everywhere
    ORDER BY entity_id
    FOR NO KEY UPDATE
-- when armed
), locked_timers AS MATERIALIZED (
    SELECT id, due_at, armed_at, armed_by_id, armed_by_kind
    FROM {schema}.timer
    WHERE id = ANY($48::text[]) AND (SELECT count(*) FROM locked) >= 0  -- heads are locked before timers
    ORDER BY id
    FOR UPDATE
-- end
), written AS MATERIALIZED (
    SELECT w.*, l.version AS found, l.valid_from AS found_at, l.created_at AS found_created_at
    FROM unnest(
        $3::int[], $4::timestamptz[], $5::uuid[], $6::uuid[], $7::uuid[], $8::text[], $9::int[], $10::int[],
        $11::boolean[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[],
        $19::text[]
    ) AS w(
        member, at, transaction_id, entity_id, model_id, model_name, model_version, expected,
        frees, state, transition, attributed_id, attributed_kind, executor_id, executor_kind, document,
        substitute
    )
    LEFT JOIN locked l ON l.entity_id = w.entity_id
), refused AS MATERIALIZED (
    SELECT m.member::int AS member, 1 AS verdict
    FROM unnest($1::bigint[]) WITH ORDINALITY AS m(epoch, member), current
    WHERE m.epoch <> current.epoch
    UNION ALL
    SELECT member, 2 FROM written WHERE coalesce(found, 0) <> expected
    -- when reads
    UNION ALL
    SELECT r.member, 2
    FROM unnest($20::int[], $21::uuid[], $22::int[]) AS r(member, entity_id, version)
    LEFT JOIN locked l ON l.entity_id = r.entity_id
    WHERE r.version <> CASE WHEN l.deleted THEN 0 ELSE coalesce(l.version, 0) END
    -- end
    -- when claims
    UNION ALL
    SELECT c.member, 3
    FROM unnest($23::int[], $24::uuid[], $25::text[], $26::bytea[], $27::uuid[])
        AS c(member, model_id, key_id, digest, entity_id)
    CROSS JOIN LATERAL (
        SELECT k.entity_id FROM {schema}.claim k
        WHERE k.model_id = c.model_id AND k.key_id = c.key_id AND k.digest = c.digest
        LIMIT 1
    ) holder
    WHERE holder.entity_id <> c.entity_id AND NOT EXISTS (
        SELECT FROM written w WHERE w.member = c.member AND w.entity_id = holder.entity_id AND w.frees
    )
    -- end
    -- when armed
    UNION ALL
    SELECT g.member, 2
    FROM unnest($47::int[], $48::text[], $49::timestamptz[], $50::timestamptz[], $51::text[], $52::text[])
        AS g(member, id, due_at, armed_at, armed_by_id, armed_by_kind)
    LEFT JOIN locked_timers t ON t.id = g.id
    WHERE (t.due_at, t.armed_at, t.armed_by_id, t.armed_by_kind)
        IS DISTINCT FROM (g.due_at, g.armed_at, g.armed_by_id, g.armed_by_kind)
    -- end
), accepted AS MATERIALIZED (
    SELECT w.*,
        coalesce(w.document ~ '[:,\[]\s*(-?[0-9.]+[eE]|-0)', false) AS respelled,  -- exponents, negative zeros
        greatest(w.at, max(w.found_at) OVER (PARTITION BY w.member) + interval '1 microsecond') AS stamp
    FROM written w
    WHERE w.member <> ALL (ARRAY(SELECT member FROM refused))
), versions AS (
    INSERT INTO {schema}.entity_version (
        entity_id, transaction_id, valid_from, created_at, version, model_version, deleted, model_name, state,
        transition, attributed_id, attributed_kind, executor_id, executor_kind, document
    )
    SELECT entity_id, transaction_id, stamp, coalesce(found_created_at, stamp), expected + 1, model_version,
        document IS NULL, model_name, state, transition, attributed_id, attributed_kind, executor_id, executor_kind,
        document
    FROM accepted
-- when updates
), closing AS MATERIALIZED (
    SELECT old.place, a.stamp
    FROM accepted a
    CROSS JOIN LATERAL (
        SELECT v.ctid AS place FROM {schema}.entity_version v
        WHERE v.entity_id = a.entity_id AND v.valid_from = a.found_at
        LIMIT 1
    ) old
    WHERE a.expected > 0
), closed AS (
    UPDATE {schema}.entity_version v
    SET valid_to = c.stamp
    FROM closing c
    WHERE v.ctid = c.place AND v.ctid = ANY (ARRAY(SELECT place FROM closing))
-- end
-- when creates
), new_heads AS (
    INSERT INTO {schema}.head (
        entity_id, model_id, transaction_id, valid_from, created_at, version, model_version, deleted, lossy,
        respelled, model_name, state, transition, document
    )
    SELECT entity_id, model_id, transaction_id, stamp, stamp, 1, model_version, document IS NULL,
        substitute IS NOT NULL, respelled, model_name, state, transition, coalesce(substitute, document)::jsonb
    FROM accepted
    WHERE expected = 0
-- end
-- when updates
), moved_heads AS (
    UPDATE {schema}.head h
    SET transaction_id = a.transaction_id, valid_from = a.stamp, xid = pg_current_xact_id(), version = a.expected + 1,
        deleted = a.document IS NULL, lossy = a.substitute IS NOT NULL, respelled = a.respelled, state = a.state,
        transition = a.transition, document = coalesce(a.substitute, a.document)::jsonb
    FROM accepted a
    WHERE a.expected > 0 AND h.entity_id = a.entity_id AND h.entity_id = ANY($2::uuid[])
-- end
-- when claims
), freed AS (
    DELETE FROM {schema}.claim k
    USING accepted a
    WHERE a.frees AND k.entity_id = a.entity_id AND k.entity_id = ANY($28::uuid[])
        AND (k.model_id, k.key_id, k.digest, k.entity_id) NOT IN (
            SELECT * FROM unnest($24::uuid[], $25::text[], $26::bytea[], $27::uuid[])
        )
    RETURNING 1
), claimed AS (
    INSERT INTO {schema}.claim (model_id, key_id, digest, entity_id)
    SELECT c.model_id, c.key_id, c.digest, c.entity_id
    FROM unnest($23::int[], $24::uuid[], $25::text[], $26::bytea[], $27::uuid[])
        AS c(member, model_id, key_id, digest, entity_id)
    WHERE c.member <> ALL (ARRAY(SELECT member FROM refused))
        AND (SELECT count(*) FROM freed) >= 0  -- what is freed is gone before it is claimed
        AND c.entity_id IS DISTINCT FROM (
            SELECT k.entity_id FROM {schema}.claim k
            WHERE k.model_id = c.model_id AND k.key_id = c.key_id AND k.digest = c.digest
        )
    ORDER BY c.model_id, c.key_id, c.digest
-- end
), audited AS (
    INSERT INTO {schema}.audit (entity_id, transaction_id, events)
    SELECT entity_id, transaction_id, events
    FROM unnest($29::int[], $30::uuid[], $31::uuid[], $32::text[]) AS a(member, entity_id, transaction_id, events)
    WHERE member <> ALL (ARRAY(SELECT member FROM refused))
-- when timers
), disarmed AS (
    DELETE FROM {schema}.timer
    WHERE id = ANY (ARRAY(
        SELECT d.id FROM unnest($33::int[], $34::text[]) AS d(member, id)
        WHERE d.member <> ALL (ARRAY(SELECT member FROM refused))
    ))
    RETURNING id
), undue AS (
    DELETE FROM public.cyoda_pending_work
    WHERE schema_name = $53 AND id = ANY (ARRAY(SELECT id::uuid FROM disarmed))
), armed AS (
    INSERT INTO {schema}.timer (
        id, entity_id, due_at, armed_at, timeout_ms, model_version, model_name, source_state, transition, armed_by_id,
        armed_by_kind
    )
    SELECT id, entity_id, due_at, armed_at, timeout_ms, model_version, model_name, source_state, transition,
        armed_by_id, armed_by_kind
    FROM unnest(
        $35::int[], $36::text[], $37::uuid[], $38::timestamptz[], $39::timestamptz[], $40::bigint[], $41::int[],
        $42::text[], $43::text[], $44::text[], $45::text[], $46::text[]
    ) AS t(
        member, id, entity_id, due_at, armed_at, timeout_ms, model_version,
        model_name, source_state, transition, armed_by_id, armed_by_kind
    )
    WHERE member <> ALL (ARRAY(SELECT member FROM refused))
    ORDER BY id
    ON CONFLICT (id) DO UPDATE SET
        due_at = excluded.due_at, armed_at = excluded.armed_at, timeout_ms = excluded.timeout_ms,
        source_state = excluded.source_state, transition = excluded.transition,
        armed_by_id = excluded.armed_by_id, armed_by_kind = excluded.armed_by_kind
    RETURNING id, due_at
), due AS (
    INSERT INTO public.cyoda_pending_work (schema_name, kind, id, tenant, due_at)
    SELECT $53, 'timer', id::uuid, $54, due_at FROM armed
    ON CONFLICT (schema_name, id) DO UPDATE SET due_at = excluded.due_at, attempts = 0
-- end
)
SELECT member, verdict, NULL::timestamptz AS stamp FROM refused
UNION ALL
SELECT DISTINCT member, 0, stamp FROM accepted WHERE stamp <> at

-- name: written_moments
-- The stamps that transactions gave to the versions they meant to write, for those that were committed.
SELECT q.number::int, v.valid_from
FROM unnest($1::uuid[], $2::int[], $3::uuid[]) WITH ORDINALITY AS q(entity_id, version, transaction_id, number)
CROSS JOIN LATERAL (
    SELECT n.valid_from FROM {schema}.entity_version n
    WHERE n.entity_id = q.entity_id AND n.version = q.version AND n.transaction_id = q.transaction_id
    ORDER BY n.valid_from DESC
    LIMIT 1
) v

-- name: share_configuration
SELECT epoch FROM {schema}.configuration FOR SHARE

-- name: lock_schemas
SELECT id, node
FROM {schema}.entity_model
WHERE id = ANY($1::uuid[])
ORDER BY id
FOR NO KEY UPDATE

-- name: write_schema
-- Other types of an indexed field may ask for other indexes; $4 is the id of that work.
WITH written AS (
    UPDATE {schema}.entity_model SET node = $2::json WHERE id = $1
    RETURNING indexes::text <> '[]' AS is_indexed
)
INSERT INTO public.cyoda_pending_work (schema_name, kind, id, tenant, due_at)
SELECT $3, 'index', $4, '', now() FROM written WHERE is_indexed
ON CONFLICT (schema_name, id) DO UPDATE SET due_at = excluded.due_at
