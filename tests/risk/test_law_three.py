"""Law 3: raw SQL, a shell or a superuser loosens nothing without an executed approval of this very HOLD."""

from collections.abc import Callable

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from approvals.models import ApprovalExecution
from risk.models import AutopilotDecision, DeskState
from risk.services.desk import resume, safe_mode_off_execute
from risk.services.hold import hold_engage
from tests.risk.figures import Cast, the_desk

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("figures")]


def sql(statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


LOOSENINGS = [
    "UPDATE risk_deskstate SET hold_active = false",
    "UPDATE risk_deskstate SET safe_mode = false",
    "UPDATE risk_deskstate SET dry_run = false",
    "UPDATE risk_deskstate SET mode = 'RUN'",
    "UPDATE risk_deskstate SET mode = 'RUN', hold_active = false, safe_mode = false, dry_run = false",
    "UPDATE risk_deskstate SET hold_active = false, hold_id = hold_id + 1",
    "UPDATE risk_deskstate SET hold_id = hold_id - 1",
    "UPDATE risk_deskstate SET trader_epoch = trader_epoch - 1",
    "UPDATE risk_deskstate SET autopilot_permitted = true",
    "UPDATE risk_deskstate SET id = 2",
    "DELETE FROM risk_deskstate",
    "TRUNCATE risk_deskstate",
    "INSERT INTO risk_deskstate SELECT * FROM risk_deskstate",
]


@pytest.mark.parametrize("statement", LOOSENINGS)
def test_raw_sql_cannot_loosen_a_held_desk(statement: str) -> None:
    with pytest.raises(IntegrityError):
        sql(statement)
    desk = the_desk()
    assert (desk.mode, desk.hold_active, desk.safe_mode, desk.dry_run) == ("HOLD", True, True, True)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE risk_deskstate SET safe_mode = false",
        "UPDATE risk_deskstate SET dry_run = false",
        "UPDATE risk_deskstate SET mode = 'RUN'",
        "UPDATE risk_deskstate SET hold_active = true",
    ],
)
def test_a_cleared_hold_opens_nothing_else(cast: Cast, statement: str) -> None:
    cast.clear_hold()
    with pytest.raises(IntegrityError):
        sql(statement)


def test_queryset_update_and_save_are_refused_too() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        DeskState.objects.update(safe_mode=False)
    row = the_desk()
    row.dry_run = False
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save()


@pytest.mark.django_db(transaction=True)
def test_an_execution_serves_its_own_transaction_only(cast: Cast) -> None:
    cast.clear_hold()
    cast.loosen(safe_mode=False)
    sql("UPDATE risk_deskstate SET safe_mode = true")
    with pytest.raises(IntegrityError):
        sql("UPDATE risk_deskstate SET safe_mode = false")


@pytest.mark.django_db(transaction=True)
def test_the_executed_resume_of_an_older_hold_starts_nothing(cast: Cast) -> None:
    cast.run_desk()
    hold_engage(reason="again", source="alice")
    with pytest.raises(IntegrityError):
        sql("UPDATE risk_deskstate SET hold_active = false")
    with pytest.raises(IntegrityError):
        sql("UPDATE risk_deskstate SET mode = 'RUN', hold_active = false, safe_mode = false")


@pytest.mark.django_db(transaction=True)
def test_a_forged_execution_row_is_refused(cast: Cast) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        ApprovalExecution.objects.create(
            approval_id="00000000-0000-0000-0000-000000000001",
            action="resume",
            hold_id=the_desk().hold_id,
            person=cast.alice,
            txid=0,
            at=timezone.now(),
        )


@pytest.mark.parametrize("execute", [safe_mode_off_execute])
def test_the_service_itself_cannot_go_around_the_approval(cast: Cast, execute: Callable[[], object]) -> None:
    cast.clear_hold()
    with pytest.raises(IntegrityError), transaction.atomic():
        execute()


def test_autopilot_decides_nothing_where_it_is_not_permitted() -> None:
    desk = the_desk()
    with pytest.raises(IntegrityError), transaction.atomic():
        AutopilotDecision.objects.create(
            trader_epoch=desk.trader_epoch,
            hold_id=desk.hold_id,
            verdict="resume",
            reason="mine",
            blockers=[],
            at=timezone.now(),
        )


@pytest.mark.django_db(transaction=True)
def test_an_autopilot_decision_is_used_in_its_transaction_only() -> None:
    sql("UPDATE risk_deskstate SET trader_epoch = trader_epoch + 1, autopilot_permitted = true")
    sql(
        "INSERT INTO risk_autopilotdecision (trader_epoch, hold_id, verdict, reason, blockers, txid, at) "
        "SELECT trader_epoch, hold_id, 'resume', '', '[]', 0, now() FROM risk_deskstate"
    )
    with pytest.raises(IntegrityError):
        sql("UPDATE risk_deskstate SET hold_active = false, safe_mode = false, mode = 'RUN'")
    with pytest.raises(IntegrityError):
        sql("UPDATE risk_autopilotdecision SET txid = txid_current()")


@pytest.mark.django_db(transaction=True)
def test_a_resume_of_two_people_survives_into_run(cast: Cast) -> None:
    cast.run_desk()
    sql("UPDATE risk_deskstate SET mode = 'HOLD'")
    with cast.acting("alice"):
        assert resume().mode == "RUN"
