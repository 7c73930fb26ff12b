-- What aggregation.py puts in place of the braces: the values of a document that make the groups and their samples.

-- name: aggregate
-- Groups of what the snapshot $2 sees of the instant $3 (or of now), without the entities $4; at most $5 rows.
-- A head is settled when it is that version; what is not settled, or lossy, is counted as one group that is not "known".
SELECT known, count(*){outputs}
FROM (
    SELECT e.known{texts}
    FROM (
        SELECT h.entity_id, h.valid_from, h.state, h.respelled, h.settled AND NOT h.lossy AS known{values}
        FROM (
            SELECT *,
                pg_visible_in_snapshot(xid, $2::pg_snapshot)
                    AND ($3::timestamptz IS NULL OR valid_from <= $3) AS settled
            FROM {schema}.head
            WHERE model_id = $1 AND entity_id <> ALL ($4::uuid[])
            OFFSET 0  -- each level computes its values once for all their uses above
        ) h
        WHERE NOT h.settled OR (NOT h.deleted AND (h.lossy OR {narrowing}))
        OFFSET 0
    ) e
    OFFSET 0
) v
GROUP BY known{keys}
LIMIT $5

-- name: spelled_number
-- Within `aggregate`: the number at a path of the document, as it was written.
SELECT (n.document::json{steps})::text
FROM {schema}.entity_version n
WHERE n.entity_id = e.entity_id AND n.valid_from = e.valid_from
LIMIT 1
