-- Messages are listed from the newest on.

CREATE INDEX message_order ON {schema}.message (created_at, id);
