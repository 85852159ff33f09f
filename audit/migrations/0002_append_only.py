"""The chain can only grow: triggers refuse UPDATE, DELETE and TRUNCATE, and a link that does not fit."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append only: % refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION audit_check_link() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last_seq bigint;
    last_hash text;
BEGIN
    PERFORM pg_advisory_xact_lock(1346502658);
    SELECT seq, hash INTO last_seq, last_hash FROM audit_auditrecord ORDER BY seq DESC LIMIT 1;
    IF NEW.seq <> COALESCE(last_seq, 0) + 1 OR NEW.previous_hash <> COALESCE(last_hash, repeat('0', 64)) THEN
        RAISE EXCEPTION 'audit record % does not continue the chain at %', NEW.seq, COALESCE(last_seq, 0)
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit_auditrecord
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit_auditrecord
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER audit_link BEFORE INSERT ON audit_auditrecord
    FOR EACH ROW EXECUTE FUNCTION audit_check_link();
"""
BACKWARD = """
DROP TRIGGER audit_link ON audit_auditrecord;
DROP TRIGGER audit_no_truncate ON audit_auditrecord;
DROP TRIGGER audit_no_change ON audit_auditrecord;
DROP FUNCTION audit_check_link();
DROP FUNCTION audit_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
