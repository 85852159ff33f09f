"""Law 3 and law 7 as the database's own: no session, superuser flag or raw statement loosens the desk.

The function names its tables late (PL/pgSQL resolves them when it runs), so that risk needs no migration of the
floor that holds the approvals. The desk begins stopped.
"""

from django.db import migrations
from django.utils import timezone

GUARD = """
CREATE FUNCTION risk_desk_executed(wanted text, of_hold bigint, in_this_transaction boolean) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    RETURN EXISTS (
        SELECT 1 FROM approvals_approvalexecution e
         WHERE e.action = wanted AND e.hold_id = of_hold
           AND (NOT in_this_transaction OR e.txid = txid_current()));
END $$;

CREATE FUNCTION risk_desk_autopilot(epoch bigint, of_hold bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    RETURN EXISTS (
        SELECT 1 FROM risk_autopilotdecision d
         WHERE d.trader_epoch = epoch AND d.hold_id = of_hold AND d.verdict = 'resume'
           AND d.txid = txid_current());
END $$;

CREATE FUNCTION risk_desk_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    autopilot boolean;
BEGIN
    IF NEW.id <> OLD.id THEN
        RAISE EXCEPTION 'the desk row keeps its key' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.trader_epoch < OLD.trader_epoch THEN
        RAISE EXCEPTION 'trader_epoch never decreases' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.hold_id < OLD.hold_id THEN
        RAISE EXCEPTION 'hold_id never decreases' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.hold_id > OLD.hold_id AND NOT (NEW.hold_active AND NEW.safe_mode AND NEW.mode = 'HOLD') THEN
        RAISE EXCEPTION 'a new hold_id begins a HOLD' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.hold_active AND NOT OLD.hold_active AND NEW.hold_id = OLD.hold_id THEN
        RAISE EXCEPTION 'engaging HOLD takes a new hold_id' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.autopilot_permitted AND NOT OLD.autopilot_permitted AND NEW.trader_epoch = OLD.trader_epoch THEN
        RAISE EXCEPTION 'autopilot is permitted by a start only' USING ERRCODE = 'check_violation';
    END IF;
    autopilot := OLD.autopilot_permitted AND risk_desk_autopilot(OLD.trader_epoch, OLD.hold_id);
    IF OLD.hold_active AND NOT NEW.hold_active
       AND NOT autopilot AND NOT risk_desk_executed('resume', OLD.hold_id, true) THEN
        RAISE EXCEPTION 'HOLD % is cleared only by its executed approval', OLD.hold_id USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.safe_mode AND NOT NEW.safe_mode AND NOT autopilot
       AND (NEW.hold_active OR NOT risk_desk_executed('safe_mode_off', OLD.hold_id, true)) THEN
        RAISE EXCEPTION 'SAFE_MODE goes off only by its executed approval' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.dry_run AND NOT NEW.dry_run
       AND (NEW.hold_active OR NOT risk_desk_executed('dry_run_off', OLD.hold_id, true)) THEN
        RAISE EXCEPTION 'DRY_RUN goes off only by its executed approval' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.mode = 'RUN' AND OLD.mode <> 'RUN' AND (
        NEW.hold_active OR NEW.safe_mode
        OR NOT (autopilot OR risk_desk_executed('resume', OLD.hold_id, false))) THEN
        RAISE EXCEPTION 'RUN takes the executed resume of HOLD %', OLD.hold_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER risk_desk_guard BEFORE UPDATE ON risk_deskstate FOR EACH ROW EXECUTE FUNCTION risk_desk_guard();

CREATE FUNCTION risk_desk_begins_stopped() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM risk_deskstate) THEN
        RAISE EXCEPTION 'there is one desk row' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.mode <> 'HOLD' OR NOT (NEW.hold_active AND NEW.safe_mode AND NEW.dry_run) OR NEW.autopilot_permitted THEN
        RAISE EXCEPTION 'the desk begins stopped' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER risk_desk_begins_stopped BEFORE INSERT ON risk_deskstate
    FOR EACH ROW EXECUTE FUNCTION risk_desk_begins_stopped();

CREATE FUNCTION risk_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused', TG_OP, TG_TABLE_NAME USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER risk_desk_stays BEFORE DELETE ON risk_deskstate FOR EACH ROW EXECUTE FUNCTION risk_refuse();
CREATE TRIGGER risk_desk_not_truncated BEFORE TRUNCATE ON risk_deskstate
    FOR EACH STATEMENT EXECUTE FUNCTION risk_refuse();
CREATE TRIGGER risk_autopilot_final BEFORE UPDATE OR DELETE ON risk_autopilotdecision
    FOR EACH ROW EXECUTE FUNCTION risk_refuse();
CREATE TRIGGER risk_limits_version_final BEFORE UPDATE OR DELETE ON risk_limitsversion
    FOR EACH ROW EXECUTE FUNCTION risk_refuse();
CREATE TRIGGER risk_control_change_final BEFORE UPDATE OR DELETE ON risk_controlchange
    FOR EACH ROW EXECUTE FUNCTION risk_refuse();

CREATE FUNCTION risk_autopilot_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.verdict = 'resume' AND NOT EXISTS (
        SELECT 1 FROM risk_deskstate
         WHERE autopilot_permitted AND trader_epoch = NEW.trader_epoch AND hold_id = NEW.hold_id) THEN
        RAISE EXCEPTION 'autopilot is not permitted for epoch %', NEW.trader_epoch USING ERRCODE = 'check_violation';
    END IF;
    NEW.txid := txid_current();
    RETURN NEW;
END $$;
CREATE TRIGGER risk_autopilot_stamp BEFORE INSERT ON risk_autopilotdecision
    FOR EACH ROW EXECUTE FUNCTION risk_autopilot_stamp();
"""
UNDO = """
DROP TRIGGER risk_desk_guard ON risk_deskstate;
DROP TRIGGER risk_desk_begins_stopped ON risk_deskstate;
DROP TRIGGER risk_desk_stays ON risk_deskstate;
DROP TRIGGER risk_desk_not_truncated ON risk_deskstate;
DROP TRIGGER risk_autopilot_final ON risk_autopilotdecision;
DROP TRIGGER risk_autopilot_stamp ON risk_autopilotdecision;
DROP TRIGGER risk_limits_version_final ON risk_limitsversion;
DROP TRIGGER risk_control_change_final ON risk_controlchange;
DROP FUNCTION risk_desk_guard, risk_desk_begins_stopped, risk_refuse, risk_autopilot_stamp, risk_desk_autopilot;
DROP FUNCTION risk_desk_executed;
"""


def begin_stopped(apps, schema_editor):
    now = timezone.now()
    apps.get_model("risk", "DeskState").objects.create(
        pk=1, hold_reason="first installation", hold_source="installation", hold_since=now, changed_at=now
    )
    apps.get_model("risk", "TraderLease").objects.create(pk=1)


class Migration(migrations.Migration):
    dependencies = [("risk", "0001_initial")]
    operations = [
        migrations.RunSQL(GUARD, UNDO),
        migrations.RunPython(begin_stopped, migrations.RunPython.noop),
    ]
