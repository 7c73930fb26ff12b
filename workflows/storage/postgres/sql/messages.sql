-- name: put_message
INSERT INTO {schema}.message (id, created_at, header, metadata, payload) VALUES ($1, $2, $3, $4, $5)

-- name: message
SELECT created_at, header, metadata, payload FROM {schema}.message WHERE id = $1

-- name: messages
SELECT id, header, created_at, octet_length(payload)
FROM {schema}.message
WHERE (created_at, id) < (coalesce($1::timestamptz, 'infinity'), coalesce($2::uuid, id))
ORDER BY created_at DESC, id DESC
LIMIT $3

-- name: delete_messages
DELETE FROM {schema}.message WHERE id = ANY($1::uuid[]) RETURNING id
