-- name: put_message
INSERT INTO {schema}.message (id, created_at, header, metadata, payload) VALUES ($1, $2, $3, $4, $5)

-- name: message
SELECT created_at, header, metadata, payload FROM {schema}.message WHERE id = $1

-- name: delete_messages
DELETE FROM {schema}.message WHERE id = ANY($1::uuid[]) RETURNING id
