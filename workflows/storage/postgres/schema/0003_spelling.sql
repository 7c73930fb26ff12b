-- Grouped statistics show numbers as they were written. Most documents spell them as jsonb does; the others, and all
-- that were stored before this script, are looked up among the versions.

ALTER TABLE {schema}.head ADD COLUMN IF NOT EXISTS respelled boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN {schema}.head.respelled IS 'Whether jsonb may spell a number of the document otherwise: it has exponents or a negative zero, or was not examined';
