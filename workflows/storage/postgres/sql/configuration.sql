-- name: load
-- The epoch, a model (null when there is none) and its workflows in order.
SELECT c.epoch, m.name, m.version, m.locked, m.change_level, m.node, m.unique_keys, m.updated_at, m.indexes,
    ARRAY(SELECT w.document FROM {schema}.workflow w WHERE w.model_id = $1 ORDER BY w.position),
    (SELECT coalesce(max(v.number), 0) FROM {schema}.workflow_version v WHERE v.model_id = $1)
FROM {schema}.configuration c
LEFT JOIN {schema}.entity_model m ON m.id = $1

-- name: models
SELECT 0, m.name, m.version, m.locked, m.change_level, m.node, m.unique_keys, m.updated_at, m.indexes
FROM {schema}.entity_model m
ORDER BY m.name, m.version

-- name: lock_configuration
SELECT epoch FROM {schema}.configuration FOR UPDATE

-- name: raise_epoch
UPDATE {schema}.configuration SET epoch = epoch + 1 RETURNING epoch

-- name: count_live
SELECT count(*) FROM {schema}.head WHERE model_id = $1 AND NOT deleted

-- name: save_model
INSERT INTO {schema}.entity_model (id, name, version, locked, change_level, node, unique_keys, updated_at, indexes)
VALUES ($1, $2, $3, $4, $5, $6::json, $7::json, $8, $9::json)
ON CONFLICT (id) DO UPDATE SET
    locked = excluded.locked, change_level = excluded.change_level, node = excluded.node,
    unique_keys = excluded.unique_keys, updated_at = excluded.updated_at, indexes = excluded.indexes

-- name: delete_model
DELETE FROM {schema}.entity_model WHERE id = $1

-- name: delete_workflows
DELETE FROM {schema}.workflow WHERE model_id = $1

-- name: save_workflows
INSERT INTO {schema}.workflow (model_id, position, document, name, active)
SELECT $1, w.position, w.document, w.name, w.active
FROM unnest($2::text[], $3::text[], $4::boolean[]) WITH ORDINALITY AS w(document, name, active, position)

-- name: revision
SELECT coalesce(max(number), 0) FROM {schema}.workflow_version WHERE model_id = $1

-- name: keep_workflows
INSERT INTO {schema}.workflow_version (model_id, number, at, mode, actor_id, actor_kind, names, documents)
SELECT $1, coalesce(max(v.number), 0) + 1, $2, $3, $4, $5, $6, $7
FROM {schema}.workflow_version v
WHERE v.model_id = $1

-- name: workflow_versions
SELECT number, at, mode, actor_id, actor_kind, names, '{}'::text[]
FROM {schema}.workflow_version
WHERE model_id = $1 AND number < coalesce($2::integer, 2147483647)
ORDER BY number DESC
LIMIT $3

-- name: workflow_version
SELECT number, at, mode, actor_id, actor_kind, names, documents
FROM {schema}.workflow_version
WHERE model_id = $1 AND number = $2
