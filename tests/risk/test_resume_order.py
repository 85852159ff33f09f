"""SPEC 4: back to trading, in this order and in no other."""

import pytest

from approvals.models import ApprovalRequest
from approvals.services import approval_decide
from propbot.errors import RefusedError
from risk import hold_file
from risk.models import ApprovedResume
from risk.selectors import desk_read
from risk.services.control import control_change
from risk.services.desk import desk_start, dry_run_engage, resume, resume_request, safe_mode_engage
from risk.services.hold import hold_engage
from risk.services.lease import lease_acquire, lease_release
from tests.risk.figures import TOKEN, Cast, the_desk

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("figures")]


@pytest.fixture
def held(cast: Cast) -> Cast:
    hold_engage(reason="test", source="test")
    return cast


def test_the_desk_is_installed_stopped() -> None:
    desk = the_desk()
    assert (desk.mode, desk.hold_active, desk.safe_mode, desk.dry_run) == ("HOLD", True, True, True)


@pytest.mark.django_db(transaction=True)
def test_the_six_steps_lead_back_to_trading(held: Cast) -> None:
    assert hold_file.present()
    held.clear_hold()
    assert not hold_file.present()
    assert (the_desk().hold_active, the_desk().safe_mode, the_desk().mode) == (False, True, "HOLD")
    held.loosen(safe_mode=False)
    held.loosen(dry_run_mode=False)
    resume()
    desk = desk_read()
    assert (desk.mode, desk.safe_mode, desk.dry_run, desk.stopped) == ("RUN", False, False, False)


def test_resume_is_refused_under_hold(held: Cast) -> None:
    with held.acting("alice"), pytest.raises(RefusedError) as refused:
        resume()
    assert (refused.value.code, refused.value.status) == ("hold_active", 423)


def test_resume_is_refused_in_safe_mode(held: Cast) -> None:
    held.clear_hold()
    with held.acting("alice"), pytest.raises(RefusedError) as refused:
        resume()
    assert (refused.value.code, refused.value.status) == ("safe_mode", 423)


@pytest.mark.parametrize("flag", ["safe_mode", "dry_run_mode"])
def test_neither_flag_goes_off_under_hold(held: Cast, flag: str) -> None:
    with held.acting("alice"), pytest.raises(RefusedError) as refused:
        control_change(changes={flag: False}, reason="too early")
    assert refused.value.code == "hold_active"


def test_dry_run_goes_off_only_after_safe_mode(held: Cast) -> None:
    held.clear_hold()
    with held.acting("alice"), pytest.raises(RefusedError) as refused:
        control_change(changes={"dry_run_mode": False}, reason="too early")
    assert refused.value.code == "safe_mode"


def test_a_resume_request_needs_a_hold(held: Cast) -> None:
    held.clear_hold()
    with held.acting("alice"), pytest.raises(RefusedError) as refused:
        resume_request(reason="again")
    assert (refused.value.code, refused.value.status) == ("hold_not_active", 409)


def test_the_same_person_gets_the_pending_request_and_another_is_refused(held: Cast) -> None:
    with held.acting("alice"):
        first = resume_request(reason="one")
        assert resume_request(reason="two").pk == first.pk
    with held.acting("bob"), pytest.raises(RefusedError) as refused:
        resume_request(reason="mine")
    assert (refused.value.code, refused.value.status) == ("already_pending", 409)


def test_whoever_asks_cannot_approve(held: Cast) -> None:
    with held.acting("alice"):
        request = resume_request(reason="one")
        with pytest.raises(RefusedError) as refused:
            approval_decide(approval_id=request.pk, approve=True, token=TOKEN)
    assert (refused.value.code, refused.value.status) == ("same_person", 403)
    assert the_desk().hold_active


def test_one_operator_does_both_steps_without_the_two_man_rule(held: Cast, setting) -> None:
    setting(TWO_MAN_RULE=False)
    with held.acting("alice"):
        request = resume_request(reason="alone")
        approval_decide(approval_id=request.pk, approve=True, token=TOKEN)
    assert not the_desk().hold_active


def test_a_newer_hold_voids_the_request(held: Cast) -> None:
    with held.acting("alice"):
        request = resume_request(reason="one")
    hold_engage(reason="again", source="bob")
    with pytest.raises(RefusedError) as refused:
        held.approve("bob", request)
    assert (refused.value.code, refused.value.status) == ("hold_changed", 409)
    assert ApprovalRequest.objects.get(pk=request.pk).status == "expired"
    assert the_desk().hold_active


def test_each_hold_has_a_new_id_and_sets_safe_mode(held: Cast) -> None:
    first = the_desk().hold_id
    held.run_desk()
    hold_engage(reason="stop", source="alice")
    desk = the_desk()
    assert desk.hold_id == first + 1
    assert (desk.mode, desk.safe_mode, desk.hold_active) == ("HOLD", True, True)


def test_the_request_tells_what_changed_since_the_last_resume(held: Cast, setting) -> None:
    epoch = lease_acquire("trader-1")
    desk_start(epoch=epoch, build="build-1")
    held.clear_hold()
    assert ApprovedResume.objects.get().build == "build-1"
    setting(MAX_QUOTE_AGE_MS=900)
    lease_release("trader-1", epoch)
    desk_start(epoch=lease_acquire("trader-2"), build="build-2")
    with held.acting("alice"):
        changes = resume_request(reason="after the deploy").payload["changes_since_last_resume"]
    assert changes["build"] == {"before": "build-1", "after": "build-2"}
    assert changes["settings"] == [{"name": "MAX_QUOTE_AGE_MS", "before": "2000", "after": "900"}]


def test_safe_mode_and_dry_run_are_engaged_by_one_person_at_once(held: Cast) -> None:
    held.run_desk(dry_run=False)
    with held.acting("alice"):
        safe_mode_engage(reason="careful")
        dry_run_engage(reason="careful")
    desk = the_desk()
    assert (desk.safe_mode, desk.dry_run, desk.mode) == (True, True, "RUN")


def test_a_start_stops_the_desk_and_forces_dry_run(held: Cast) -> None:
    held.run_desk(dry_run=False)
    desk_start(epoch=lease_acquire("trader-1"), build="b")
    desk = the_desk()
    assert (desk.mode, desk.hold_active, desk.safe_mode, desk.dry_run) == ("HOLD", True, True, True)


def test_a_start_keeps_the_stored_dry_run_when_told_so(held: Cast, setting) -> None:
    setting(DRY_RUN_MODE=False)
    held.run_desk(dry_run=False)
    desk_start(epoch=lease_acquire("trader-1"), build="b")
    assert the_desk().dry_run is False


def test_a_start_with_an_old_token_changes_nothing(held: Cast) -> None:
    epoch = lease_acquire("trader-1")
    before = the_desk().hold_id
    with pytest.raises(RefusedError) as refused:
        desk_start(epoch=epoch - 1, build="b")
    assert refused.value.code == "fenced"
    assert the_desk().hold_id == before
