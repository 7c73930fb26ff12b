-- Due timers are found among the pending work of all tenants; nothing asks one tenant's timers for their moments.

DROP INDEX {schema}.timer_due;
