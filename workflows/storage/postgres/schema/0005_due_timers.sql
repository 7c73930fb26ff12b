-- Every armed timer is pending work, so that the due ones of all tenants are found by one index probe. Its due_at moves
-- on when it is handed out (attempts counts that), and begins anew when the timer is armed again.

DO $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = 'public.cyoda_pending_work'::regclass AND attname = 'attempts' AND NOT attisdropped
    ) THEN
        ALTER TABLE public.cyoda_pending_work ADD COLUMN IF NOT EXISTS attempts integer NOT NULL DEFAULT 0;
    END IF;
END
$$;
