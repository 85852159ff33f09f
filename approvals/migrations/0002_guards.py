"""What the database itself refuses: a changed request, a move that is none, an execution without approval."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION approvals_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % refused: approvals are kept', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION approvals_check_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status <> 'pending' OR NEW.decided_by_id IS NOT NULL OR NEW.executed_at IS NOT NULL THEN
        RAISE EXCEPTION 'an approval request begins pending and undecided' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION approvals_check_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.action, NEW.target, NEW.payload, NEW.payload_digest, NEW.sentence, NEW.before, NEW.after,
        NEW.reason, NEW.hold_id, NEW.bound_to_hold, NEW.two_man, NEW.requested_by_id, NEW.requested_by_name,
        NEW.requested_channel, NEW.requested_at, NEW.expires_at)
       IS DISTINCT FROM
       (OLD.id, OLD.action, OLD.target, OLD.payload, OLD.payload_digest, OLD.sentence, OLD.before, OLD.after,
        OLD.reason, OLD.hold_id, OLD.bound_to_hold, OLD.two_man, OLD.requested_by_id, OLD.requested_by_name,
        OLD.requested_channel, OLD.requested_at, OLD.expires_at) THEN
        RAISE EXCEPTION 'what was asked in approval % cannot change', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.status <> 'pending' AND (NEW.decided_by_id, NEW.decided_at) IS DISTINCT FROM (OLD.decided_by_id, OLD.decided_at)
    THEN
        RAISE EXCEPTION 'approval % is decided', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.status <> OLD.status AND NOT (
        (OLD.status = 'pending' AND NEW.status IN ('approved', 'denied', 'expired', 'withdrawn'))
        OR (OLD.status = 'approved' AND NEW.status IN ('executed', 'failed'))
    ) THEN
        RAISE EXCEPTION 'approval % cannot go from % to %', OLD.id, OLD.status, NEW.status
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.status = OLD.status AND OLD.status IN ('denied', 'expired', 'withdrawn', 'executed', 'failed')
       AND NEW IS DISTINCT FROM OLD THEN
        RAISE EXCEPTION 'approval % has ended', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.status = 'approved' AND OLD.status = 'pending' AND OLD.expires_at <= clock_timestamp() THEN
        RAISE EXCEPTION 'approval % has expired', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION approvals_check_execution() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM approvals_approvalrequest r
        WHERE r.id = NEW.approval_id AND r.status = 'approved' AND r.action = NEW.action
          AND r.hold_id IS NOT DISTINCT FROM NEW.hold_id AND r.decided_by_id = NEW.person_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'execution of % without its approval', NEW.action USING ERRCODE = 'restrict_violation';
    END IF;
    NEW.txid := txid_current();
    RETURN NEW;
END $$;

CREATE TRIGGER approvals_new BEFORE INSERT ON approvals_approvalrequest
    FOR EACH ROW EXECUTE FUNCTION approvals_check_new();
CREATE TRIGGER approvals_move BEFORE UPDATE ON approvals_approvalrequest
    FOR EACH ROW EXECUTE FUNCTION approvals_check_move();
CREATE TRIGGER approvals_kept BEFORE DELETE ON approvals_approvalrequest
    FOR EACH ROW EXECUTE FUNCTION approvals_refuse();
CREATE TRIGGER approvals_not_truncated BEFORE TRUNCATE ON approvals_approvalrequest
    FOR EACH STATEMENT EXECUTE FUNCTION approvals_refuse();
CREATE TRIGGER execution_new BEFORE INSERT ON approvals_approvalexecution
    FOR EACH ROW EXECUTE FUNCTION approvals_check_execution();
CREATE TRIGGER execution_kept BEFORE UPDATE OR DELETE ON approvals_approvalexecution
    FOR EACH ROW EXECUTE FUNCTION approvals_refuse();
CREATE TRIGGER execution_not_truncated BEFORE TRUNCATE ON approvals_approvalexecution
    FOR EACH STATEMENT EXECUTE FUNCTION approvals_refuse();
"""
BACKWARD = """
DROP TRIGGER execution_not_truncated ON approvals_approvalexecution;
DROP TRIGGER execution_kept ON approvals_approvalexecution;
DROP TRIGGER execution_new ON approvals_approvalexecution;
DROP TRIGGER approvals_not_truncated ON approvals_approvalrequest;
DROP TRIGGER approvals_kept ON approvals_approvalrequest;
DROP TRIGGER approvals_move ON approvals_approvalrequest;
DROP TRIGGER approvals_new ON approvals_approvalrequest;
DROP FUNCTION approvals_check_execution();
DROP FUNCTION approvals_check_move();
DROP FUNCTION approvals_check_new();
DROP FUNCTION approvals_refuse();
"""


def create_groups(apps, schema_editor):
    group = apps.get_model("auth", "Group")
    for name in ("viewer", "auditor", "operator"):
        group.objects.get_or_create(name=name)


class Migration(migrations.Migration):
    dependencies = [("approvals", "0001_initial"), ("auth", "0012_alter_user_first_name_max_length")]
    operations = [
        migrations.RunSQL(FORWARD, BACKWARD),
        migrations.RunPython(create_groups, migrations.RunPython.noop),
    ]
