-- The roles that the hub steps down to, and the operator's. Made by whoever migrates, if they are missing, and granted to
-- him: from PostgreSQL 16 on, making a role does not yet allow to become it, hence the try.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['patchbay_app', 'patchbay_hub', 'patchbay_journal'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL; -- another database of the cluster was faster
            END;
        END IF;
        BEGIN
            EXECUTE format('SET LOCAL ROLE %I', wanted);
            RESET ROLE;
        EXCEPTION WHEN insufficient_privilege THEN
            EXECUTE format('GRANT %I TO %I', wanted, session_user);
        END;
    END LOOP;
    -- A hub serves without being able to become this one, so what fails here is said when it is needed.
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'patchbay_operator') THEN
        BEGIN
            CREATE ROLE patchbay_operator NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN
            NULL;
        END;
    END IF;
    BEGIN
        SET LOCAL ROLE patchbay_operator;
        RESET ROLE;
    EXCEPTION WHEN insufficient_privilege OR invalid_parameter_value THEN
        BEGIN
            EXECUTE format('GRANT patchbay_operator TO %I', session_user);
        EXCEPTION WHEN insufficient_privilege OR undefined_object THEN
            NULL;
        END;
    END;
END
$$
