-- What the engine did is found by its order and by its transaction. Both indexes grow at one end: ids begin with the
-- clock, so those of the same minutes stand together.

CREATE INDEX audit_order ON {schema}.audit (seq);
CREATE INDEX audit_transaction ON {schema}.audit (transaction_id, seq);
