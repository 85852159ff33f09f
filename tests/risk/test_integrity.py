"""What the start of the trader looks after: the triggers, the limits, the HOLD that no database took."""

from decimal import Decimal

import pytest
from django.db import OperationalError, connection

from audit.models import OpsAlert
from propbot.errors import RefusedError
from risk import hold_file
from risk.models import LimitsVersion, RiskLimit
from risk.services import hold
from risk.services.desk import desk_start
from risk.services.integrity import GuardsMissingError, guards_missing
from risk.services.lease import lease_acquire
from risk.services.limits import limits_read
from tests.risk.figures import Figures, the_desk

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_migrations_leave_every_guard_in_force() -> None:
    assert guards_missing() == []


def test_a_start_refuses_a_database_whose_guard_is_switched_off(figures: Figures) -> None:
    epoch = lease_acquire("one")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE risk_deskstate DISABLE TRIGGER risk_desk_guard")
    try:
        with pytest.raises(GuardsMissingError, match="risk_desk_guard"):
            desk_start(epoch=epoch, build="b")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE risk_deskstate ENABLE TRIGGER risk_desk_guard")


def test_a_start_tells_where_limits_and_environment_differ(figures: Figures) -> None:
    RiskLimit.objects.filter(name="MAX_LEVERAGE").update(value=2)
    newest = LimitsVersion.objects.latest("id")
    changed = [[name, scope, "2" if name == "MAX_LEVERAGE" else value] for name, scope, value in newest.values]
    LimitsVersion.objects.create(at=newest.at, changed_by="test", values=changed)
    desk_start(epoch=lease_acquire("one"), build="b")
    assert OpsAlert.objects.get(kind="limits_drift").text == "Limits differ from the environment: MAX_LEVERAGE"


def test_a_limit_that_a_new_build_added_is_seeded_and_never_absent(figures: Figures) -> None:
    newest = LimitsVersion.objects.latest("id")
    older = [row for row in newest.values if row[0] != "MAX_CANCELS_PER_MIN"]
    RiskLimit.objects.filter(name="MAX_CANCELS_PER_MIN").delete()
    LimitsVersion.objects.create(at=newest.at, changed_by="test", values=older)
    desk_start(epoch=lease_acquire("one"), build="b")
    assert limits_read().value("MAX_CANCELS_PER_MIN") == Decimal(600)


def test_a_hold_that_the_database_does_not_take_leaves_its_file(
    figures: Figures, monkeypatch: pytest.MonkeyPatch, data_dir
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise OperationalError("the database is gone")

    before = the_desk().hold_id
    monkeypatch.setattr(hold, "_engage", fail)
    with pytest.raises(RefusedError) as refused:
        hold.hold_engage(reason="now", source="alice")
    assert (refused.value.code, refused.value.status) == ("hold_unconfirmed", 503)
    assert hold_file.present()
    assert the_desk().hold_id == before
    assert list((data_dir / "audit" / "spool").glob("*.json"))
