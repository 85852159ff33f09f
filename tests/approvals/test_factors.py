"""The approve token and the one-time code."""

import ast
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import time_machine
from django.db import connection
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from approvals.models import ApprovalRequest, TokenGuard
from approvals.services import approval_decide, approval_request
from approvals.services.tokens import PERSON_LIMIT, approve_token_check
from audit.models import OpsAlert
from propbot.errors import RefusedError
from tests.access.people import APPROVE_TOKEN, Cast, Member, make_cast
from tests.approvals.conftest import Lamp

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def row(cast: Cast, lamp: Lamp) -> ApprovalRequest:
    with cast.alice.acting():
        return approval_request(action="lamp_on", payload={}, reason="it is dark")


def code_of(cast: Cast, row: ApprovalRequest, token: str, otp: str | None = None) -> str:
    with cast.bob.acting():
        try:
            approval_decide(approval_id=row.pk, approve=True, token=token, otp=otp)
        except RefusedError as error:
            return error.code
    return "done"


@pytest.mark.parametrize("token", ["", "wrong", APPROVE_TOKEN + "x", APPROVE_TOKEN[:-1], APPROVE_TOKEN.upper()])
def test_a_wrong_token_is_refused(cast: Cast, row: ApprovalRequest, token: str) -> None:
    assert code_of(cast, row, token) == "bad_token"


def test_without_a_configured_token_nothing_can_be_approved(cast: Cast, row: ApprovalRequest, settings) -> None:
    settings.PROPBOT = settings.PROPBOT.replace(APPROVE_TOKEN=None)
    assert code_of(cast, row, "") == "bad_token"


def test_five_wrong_tokens_lock_approving_and_tell_once(cast: Cast, row: ApprovalRequest) -> None:
    codes = [code_of(cast, row, "wrong") for _ in range(PERSON_LIMIT + 2)]
    assert codes == ["bad_token"] * PERSON_LIMIT + ["approval_locked"] * 2
    assert code_of(cast, row, APPROVE_TOKEN) == "approval_locked"
    assert OpsAlert.objects.filter(kind="approve_token_locked").count() == 1


def test_the_lock_ends_by_itself(cast: Cast, row: ApprovalRequest) -> None:
    for _ in range(PERSON_LIMIT):
        code_of(cast, row, "wrong")
    TokenGuard.objects.update(locked_until=None, failures=0)
    assert code_of(cast, row, APPROVE_TOKEN) == "done"


def test_a_right_token_forgives_the_wrong_ones_before_it(cast: Cast, row: ApprovalRequest) -> None:
    for _ in range(PERSON_LIMIT - 1):
        code_of(cast, row, "wrong")
    assert code_of(cast, row, APPROVE_TOKEN) == "done"
    assert TokenGuard.objects.get(scope=f"person:{cast.bob.person.pk}").failures == 0


def test_an_enrolled_operator_needs_a_fresh_code(cast: Cast, row: ApprovalRequest) -> None:
    device = TOTPDevice.objects.create(user=cast.bob.user, name="phone", confirmed=True)
    assert code_of(cast, row, APPROVE_TOKEN) == "otp_required"
    assert code_of(cast, row, APPROVE_TOKEN, "000000") == "bad_otp"
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    code = f"{TOTP(device.bin_key).token():06d}"
    assert code_of(cast, row, APPROVE_TOKEN, code) == "done"


def test_a_code_serves_only_once(cast: Cast, lamp: Lamp) -> None:
    device = TOTPDevice.objects.create(user=cast.bob.user, name="phone", confirmed=True)
    with time_machine.travel("2026-03-02 12:00:00+00:00", tick=False):
        code = f"{TOTP(device.bin_key).token():06d}"
        codes = []
        for action in ("lamp_on", "lamp_dim"):
            with cast.alice.acting():
                row = approval_request(action=action, payload={}, reason="dark")
            codes.append(code_of(cast, row, APPROVE_TOKEN, code))
    assert codes == ["done", "bad_otp"]


@pytest.mark.django_db(transaction=True)
def test_no_number_of_threads_compares_more_wrong_tokens_than_the_limit(transactional_db: None) -> None:
    people = make_cast()
    barrier = threading.Barrier(20)

    def guess(number: int) -> str:
        try:
            barrier.wait(timeout=30)
            approve_token_check(person=people.bob.person, token=f"guess-{number}")
        except RefusedError as error:
            return error.code
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(max_workers=20) as pool:
        codes = list(pool.map(guess, range(20)))
    assert codes.count("bad_token") == PERSON_LIMIT
    assert codes.count("approval_locked") == 20 - PERSON_LIMIT
    assert OpsAlert.objects.filter(kind="approve_token_locked").count() == 1


def _compared_names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
            for side in (node.left, *node.comparators):
                yield side.id if isinstance(side, ast.Name) else getattr(side, "attr", "")


def test_secrets_are_never_compared_with_equals() -> None:
    secret = {"token", "otp", "approve_token", "password", "secret", "mac", "signature"}
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for floor in ("approvals", "audit", "propbot", "risk", "trading")
        for path in (ROOT / floor).rglob("*.py")
        for name in _compared_names(ast.parse(path.read_text()))
        if name in secret
    }
    assert found == set()


def chat_code(cast: Cast, row: ApprovalRequest, *, token: str = "", otp: str | None = None, who: str = "bob") -> str:
    with getattr(cast, who).acting("telegram"):
        try:
            approval_decide(approval_id=row.pk, approve=True, token=token, otp=otp)
        except RefusedError as error:
            return error.code
    return "done"


def enrolled(member: Member) -> TOTPDevice:
    return TOTPDevice.objects.create(user=member.user, name="phone", confirmed=True)


def code_now(device: TOTPDevice) -> str:
    return f"{TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift).token():06d}"


def test_in_a_chat_the_approve_token_is_refused_even_when_it_is_right(cast: Cast, row: ApprovalRequest) -> None:
    device = enrolled(cast.bob)
    assert chat_code(cast, row, token=APPROVE_TOKEN, otp=code_now(device)) == "token_in_chat"
    row.refresh_from_db()
    assert row.status == "pending"


def test_in_a_chat_nobody_approves_without_an_enrolled_device(cast: Cast, row: ApprovalRequest) -> None:
    assert chat_code(cast, row, otp="123456") == "otp_not_enrolled"


def test_in_a_chat_a_fresh_code_approves_once(cast: Cast, row: ApprovalRequest) -> None:
    device = enrolled(cast.bob)
    assert chat_code(cast, row) == "otp_required"
    assert chat_code(cast, row, otp=code_now(device)) == "done"
    assert chat_code(cast, row, otp=code_now(device)) == "already_decided"


def test_in_a_chat_a_wrong_code_is_refused(cast: Cast, row: ApprovalRequest) -> None:
    device = enrolled(cast.bob)
    wrong = f"{(int(code_now(device)) + 1) % 1_000_000:06d}"
    assert chat_code(cast, row, otp=wrong) == "bad_otp"


def test_in_a_chat_whoever_asked_cannot_approve(cast: Cast, row: ApprovalRequest) -> None:
    device = enrolled(cast.alice)
    assert chat_code(cast, row, otp=code_now(device), who="alice") == "same_person"


def test_who_is_locked_out_of_approving_is_locked_out_in_the_chat_too(cast: Cast, row: ApprovalRequest) -> None:
    device = enrolled(cast.bob)
    for _ in range(PERSON_LIMIT):
        code_of(cast, row, "wrong")
    assert chat_code(cast, row, otp=code_now(device)) == "approval_locked"


def test_without_a_configured_token_a_chat_approves_nothing(cast: Cast, row: ApprovalRequest, settings) -> None:
    device = enrolled(cast.bob)
    settings.PROPBOT = settings.PROPBOT.replace(APPROVE_TOKEN=None)
    assert chat_code(cast, row, otp=code_now(device)) == "bad_token"
