"""Two people, one execution (law 3): the ordinary way, and every way round it."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.db import connection
from guardian.models import UserObjectPermission

from approvals.choices import RequestStatus
from approvals.models import ApprovalExecution, ApprovalRequest, Person, PersonAccount
from approvals.services import (
    approval_confirm,
    approval_decide,
    approval_expire_for_hold,
    approval_request,
    approval_withdraw,
)
from approvals.services.expiry import approvals_expire_due
from approvals.services.people import account_link, person_deactivate, role_set
from audit.models import AuditRecord, OpsAlert
from propbot.clock import database_now, utc_now
from propbot.errors import RefusedError
from tests.access.people import APPROVE_TOKEN, Cast
from tests.approvals.conftest import Lamp

pytestmark = pytest.mark.django_db


def ask(cast: Cast, action: str = "lamp_on", **payload: object) -> ApprovalRequest:
    with cast.alice.acting():
        return approval_request(action=action, payload=payload, reason="it is dark")


def refused(code: str, status: int):
    return pytest.raises(RefusedError, check=lambda error: (error.code, error.status) == (code, status))


def factor(channel: str) -> str:
    """What a person gives in this channel: the approve token never goes into a chat."""
    return "" if channel == "telegram" else APPROVE_TOKEN


def age(row: ApprovalRequest, **changes: object) -> None:
    """Move a request in time: the triggers refuse it, so the test asks as the table's owner."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for name, value in changes.items():
            cursor.execute(f"UPDATE approvals_approvalrequest SET {name} = %s WHERE id = %s", [value, row.pk])
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")


def test_a_second_operator_approves_and_it_is_executed_once(cast: Cast, lamp: Lamp) -> None:
    row = ask(cast, brightness="7")
    with cast.bob.acting():
        result = approval_decide(approval_id=row.pk, approve=True, token=APPROVE_TOKEN, seen_digest=row.payload_digest)
    row.refresh_from_db()
    assert result == {"lamp": "on", "brightness": "7"}
    assert (row.status, row.decided_by_name, len(lamp.lit)) == (RequestStatus.EXECUTED, "bob", 1)
    actions = list(AuditRecord.objects.order_by("seq").values_list("action", "status"))[-3:]
    assert actions == [("lamp_on_request", "requested"), ("lamp_on_approve", "approved"), ("lamp_on", "executed")]


def test_the_execution_row_carries_the_transaction_that_did_the_work(cast: Cast, lamp: Lamp) -> None:
    row = ask(cast)
    with cast.bob.acting():
        approval_decide(approval_id=row.pk, approve=True, token=APPROVE_TOKEN)
    execution = ApprovalExecution.objects.get(approval=row)
    assert execution.txid > 0
    assert (execution.hold_id, execution.person) == (lamp.hold_id, cast.bob.person)


def test_a_second_confirm_is_told_that_it_is_decided(cast: Cast, lamp: Lamp) -> None:
    ask(cast)
    with cast.bob.acting():
        approval_confirm(action="lamp_on", token=APPROVE_TOKEN)
        with refused("already_decided", 409):
            approval_confirm(action="lamp_on", token=APPROVE_TOKEN)
    assert len(lamp.lit) == 1


def test_whoever_asks_cannot_approve_and_it_is_recorded_and_told(cast: Cast, lamp: Lamp) -> None:
    row = ask(cast)
    with cast.alice.acting("telegram"), refused("same_person", 403):
        approval_decide(approval_id=row.pk, approve=True, token=factor("telegram"))
    assert lamp.lit == []
    last = AuditRecord.objects.order_by("-seq").first()
    assert (last.status, last.channel, last.details["error"]) == ("forbidden", "telegram", "same_person")
    assert OpsAlert.objects.filter(kind="self_approval_refused").count() == 1


@pytest.mark.parametrize("channel", ["admin", "api", "dashboard", "telegram", "cli"])
def test_a_second_account_of_the_same_person_does_not_help(cast: Cast, lamp: Lamp, channel: str) -> None:
    with cast.bob.acting():
        account_link(person=cast.alice.person, username="alice-two")
    row = ask(cast)
    assert PersonAccount.objects.filter(person=cast.alice.person).count() == 2
    with cast.alice.acting(channel), refused("same_person", 403):
        approval_decide(approval_id=row.pk, approve=True, token=factor(channel))
    holders = set(UserObjectPermission.objects.filter(object_pk=str(row.pk)).values_list("user__username", flat=True))
    assert holders == {"bob"}


def test_a_superuser_flag_opens_nothing(cast: Cast, lamp: Lamp) -> None:
    row = ask(cast)
    cast.vera.user.is_superuser = True
    cast.vera.user.save()
    with cast.vera.acting(), refused("forbidden", 403):
        approval_decide(approval_id=row.pk, approve=True, token=APPROVE_TOKEN)
    cast.alice.user.is_superuser = True
    cast.alice.user.save()
    with cast.alice.acting(), refused("same_person", 403):
        approval_decide(approval_id=row.pk, approve=True, token=APPROVE_TOKEN)
    assert lamp.lit == []


def test_an_operator_without_the_object_permission_cannot_decide(cast: Cast, lamp: Lamp) -> None:
    row = ask(cast)
    UserObjectPermission.objects.filter(object_pk=str(row.pk)).delete()
    with cast.bob.acting(), refused("forbidden", 403):
        approval_decide(approval_id=row.pk, approve=True, token=APPROVE_TOKEN)


def test_the_permission_is_taken_away_when_it_is_decided(cast: Cast, lamp: Lamp) -> None:
    row = ask(cast)
    assert UserObjectPermission.objects.filter(object_pk=str(row.pk)).count() == 1
    with cast.bob.acting():
        approval_decide(approval_id=row.pk, approve=False, token=APPROVE_TOKEN)
    assert not UserObjectPermission.objects.filter(object_pk=str(row.pk)).exists()
    row.refresh_from_db()
    assert row.status == RequestStatus.DENIED


def test_an_approver_who_saw_something_else_is_refused(cast: Cast, lamp: Lamp) -> None:
    row = ask(cast, brightness="7")
    with cast.bob.acting(), refused("payload_changed", 409):
        approval_decide(approval_id=row.pk, approve=True, token=APPROVE_TOKEN, seen_digest="0" * 64)


def test_a_payload_changed_behind_the_triggers_is_refused(cast: Cast, lamp: Lamp) -> None:
    row = ask(cast, brightness="7")
    age(row, payload='{"brightness": "9000"}')
    with cast.bob.acting(), refused("payload_changed", 409):
        approval_decide(approval_id=row.pk, approve=True, token=APPROVE_TOKEN)
    assert lamp.lit == []
    assert not ApprovalExecution.objects.exists()


def test_an_expired_request_is_gone(cast: Cast, lamp: Lamp) -> None:
    row = ask(cast)
    age(row, expires_at=row.requested_at - timedelta(seconds=1))
    with cast.bob.acting():
        with refused("expired", 410):
            approval_decide(approval_id=row.pk, approve=True, token=APPROVE_TOKEN)
        with refused("expired", 410):
            approval_confirm(action="lamp_on", token=APPROVE_TOKEN)
    assert lamp.lit == []


@pytest.mark.parametrize("local_clock", [timedelta(hours=-1), timedelta(0), timedelta(hours=1)])
@pytest.mark.parametrize(("left", "decided"), [(60, True), (-1, False)])
def test_only_the_databases_clock_ends_a_request(
    cast: Cast, lamp: Lamp, local_clock: timedelta, left: int, decided: bool
) -> None:
    """A minute before its end it can be decided, a second after it not, whatever this machine's clock says."""
    row = ask(cast)
    with time_machine.travel(utc_now() + local_clock), cast.bob.acting():
        age(row, expires_at=database_now() + timedelta(seconds=left))
        if decided:
            approval_decide(approval_id=row.pk, approve=True, token=APPROVE_TOKEN)
        else:
            with refused("expired", 410):
                approval_decide(approval_id=row.pk, approve=True, token=APPROVE_TOKEN)
    assert len(lamp.lit) == int(decided)
    assert approvals_expire_due() == int(not decided)


def test_a_newer_hold_voids_what_was_asked_under_an_older_one(cast: Cast, lamp: Lamp) -> None:
    row = ask(cast)
    lamp.hold_id = 6
    with cast.bob.acting(), refused("hold_changed", 409):
        approval_decide(approval_id=row.pk, approve=True, token=APPROVE_TOKEN)
    assert approval_expire_for_hold(hold_id=6) == 1
    with cast.bob.acting(), refused("hold_changed", 409):
        approval_confirm(action="lamp_on", token=APPROVE_TOKEN)


def test_a_decision_about_an_older_hold_is_no_answer_for_this_one(cast: Cast, lamp: Lamp) -> None:
    ask(cast)
    with cast.bob.acting():
        approval_confirm(action="lamp_on", token=APPROVE_TOKEN)
    lamp.hold_id = 6
    with cast.bob.acting(), refused("none_pending", 404):
        approval_confirm(action="lamp_on", token=APPROVE_TOKEN)


def test_nothing_asked_is_nothing_to_confirm(cast: Cast, lamp: Lamp) -> None:
    with cast.bob.acting(), refused("none_pending", 404):
        approval_confirm(action="lamp_on", token=APPROVE_TOKEN)


def test_a_role_lost_in_between_is_seen(cast: Cast, lamp: Lamp) -> None:
    row = ask(cast)
    role_set(person=cast.bob.person, role=None)
    with cast.bob.acting(), refused("forbidden", 403):
        approval_decide(approval_id=row.pk, approve=True, token=APPROVE_TOKEN)


def test_a_group_removed_by_raw_sql_is_seen(cast: Cast, lamp: Lamp) -> None:
    row = ask(cast)
    cast.bob.user.groups.remove(Group.objects.get(name="operator"))
    with cast.bob.acting(), refused("forbidden", 403):
        approval_decide(approval_id=row.pk, approve=True, token=APPROVE_TOKEN)


def test_a_deactivated_person_cannot_decide(cast: Cast, lamp: Lamp) -> None:
    row = ask(cast)
    person_deactivate(person=cast.bob.person)
    with cast.bob.acting(), refused("forbidden", 403):
        approval_decide(approval_id=row.pk, approve=True, token=APPROVE_TOKEN)


def test_a_new_operator_waits_in_live(cast: Cast, lamp: Lamp, settings) -> None:
    settings.PROPBOT = settings.PROPBOT.replace(PROFILE="live")
    row = ask(cast)
    Person.objects.filter(pk=cast.bob.person.pk).update(operator_since=row.requested_at)
    with cast.bob.acting(), refused("cooldown", 403):
        approval_decide(approval_id=row.pk, approve=True, token=APPROVE_TOKEN)


def test_the_world_is_asked_again_at_execution(cast: Cast, lamp: Lamp) -> None:
    row = ask(cast)
    lamp.refusing = "not_now"
    with cast.bob.acting(), refused("not_now", 423):
        approval_decide(approval_id=row.pk, approve=True, token=APPROVE_TOKEN)
    row.refresh_from_db()
    assert (row.status, lamp.lit) == (RequestStatus.PENDING, [])
    assert not ApprovalExecution.objects.exists()


def test_a_function_that_breaks_leaves_a_failed_request_and_an_alert(cast: Cast, lamp: Lamp) -> None:
    row = ask(cast)
    lamp.breaking = True
    with cast.bob.acting(), refused("execution_failed", 500):
        approval_decide(approval_id=row.pk, approve=True, token=APPROVE_TOKEN)
    row.refresh_from_db()
    assert (row.status, row.failure) == (RequestStatus.FAILED, "ValueError")
    assert OpsAlert.objects.filter(kind="approval_failed").exists()


def test_asking_twice_gives_the_pending_request(cast: Cast, lamp: Lamp) -> None:
    assert ask(cast).pk == ask(cast).pk
    with cast.bob.acting(), refused("already_pending", 409):
        approval_request(action="lamp_on", payload={}, reason="me too")
    with cast.alice.acting(), refused("already_pending", 409):
        approval_request(action="lamp_on", payload={"brightness": "8"}, reason="another one")


def test_a_viewer_cannot_ask(cast: Cast, lamp: Lamp) -> None:
    with cast.vera.acting(), refused("forbidden", 403):
        approval_request(action="lamp_on", payload={}, reason="please")


def test_the_requester_may_take_it_back_but_another_may_not(cast: Cast, lamp: Lamp) -> None:
    row = ask(cast)
    assert not approval_withdraw(row=row, person=cast.bob.person)
    assert approval_withdraw(row=row, person=cast.alice.person)
    with cast.bob.acting(), refused("already_decided", 409):
        approval_decide(approval_id=row.pk, approve=True, token=APPROVE_TOKEN)


def test_without_the_two_man_rule_one_operator_decides_alone(cast: Cast, lamp: Lamp, settings) -> None:
    settings.PROPBOT = settings.PROPBOT.replace(TWO_MAN_RULE=False)
    row = ask(cast)
    with cast.alice.acting():
        approval_decide(approval_id=row.pk, approve=True, token=APPROVE_TOKEN)
    assert len(lamp.lit) == 1
