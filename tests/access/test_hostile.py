"""Hostile input at the door (RELIABILITY H10, H14, H24 to H28, H30, H31, H35): each is refused, and quickly."""

import os
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.test import Client, override_settings
from guardian.shortcuts import assign_perm
from knox.models import AuthToken

from approvals.models import ApprovalRequest, Person
from approvals.services import approval_request, approval_withdraw
from audit.models import AuditRecord
from propbot import redaction
from propbot.errors import RefusedError
from propbot.http.fields import parse_number
from propbot.http.parsers import StrictJSONError, strict_loads
from tests.access.bodies import BODIES, REASON, TOKEN
from tests.access.matrix import cells
from tests.access.people import Cast

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD = "a-long-enough-password"
HUNDRED_KB = 100_000
# A quadratic pattern needs minutes for 100 kB; a linear one a fraction of a second on the slowest machine.
SECONDS = 3.0


@pytest.fixture(autouse=True)
def roomy(tmp_path: Path, settings: Any) -> Iterator[Path]:
    settings.PROPBOT = settings.PROPBOT.replace(API_BURST=100_000, API_RATE_PER_MIN=100_000)
    with override_settings(DATA_DIR=tmp_path):
        yield tmp_path


# --- H10: mass assignment ----------------------------------------------------------------------


def model_fields() -> list[str]:
    own = [
        model for app in ("approvals", "audit", "risk", "trading") for model in apps.get_app_config(app).get_models()
    ]
    names = {field.name for model in [*own, User] for field in model._meta.get_fields()}
    return sorted(names | {"is_superuser", "requested_by_id", "executed_at", "status", "two_man", "groups"})


def test_no_column_of_any_model_can_be_slipped_into_a_body(cast: Cast) -> None:
    """Every column that the body does not have by contract is 400, by name, on every route that writes."""
    wrong, columns = [], model_fields()
    assert len(columns) > 100
    for route, method, letters in cells():
        if method == "GET" or "O" not in letters or "dashboard-" in route.pattern:
            continue
        body = {**(BODIES.get(route.pattern) or {**REASON, **TOKEN}), **dict.fromkeys(columns, "slipped")}
        answer = cast.alice.call(method, route.path, body)
        if answer.status_code != 400:
            wrong.append((method, route.path, answer.status_code))
    assert wrong == []
    assert not ApprovalRequest.objects.exists()
    assert not Person.objects.exclude(name__in=["alice", "bob", "vera", "otto"]).exists()


# --- H14: rows of permissions that outlive their object -----------------------------------------


def test_a_permission_that_outlived_its_request_opens_no_other(cast: Cast) -> None:
    """Ids are random, so none comes back; and the permission goes with the decision."""
    ids = set()
    for _ in range(3):
        with cast.alice.acting():
            row = approval_request(
                action="role_change", target="vera", payload={"person": "vera", "role": "auditor"}, reason=""
            )
        assert cast.bob.user.has_perm("approvals.decide_approvalrequest", row)
        approval_withdraw(row=row, person=cast.alice.person)
        fresh = User.objects.get(pk=cast.bob.user.pk)
        assert not fresh.has_perm("approvals.decide_approvalrequest", row)
        ids.add(row.pk)
    assert len(ids) == 3
    assign_perm("approvals.decide_approvalrequest", cast.vera.user, row)  # a stale row, for somebody without the role
    answer = cast.vera.post(f"/api/ui/approvals/{row.pk}/approve", TOKEN)
    assert answer.status_code == 403


# --- H24: names of files -----------------------------------------------------------------------

TRAVERSALS = ("../../etc/passwd", "/etc/passwd", "..%2f..%2fx", "a\x00b", "CON", "....//x", "snapshots/../../x", "~/x")


@pytest.mark.parametrize("name", TRAVERSALS)
def test_no_name_from_outside_becomes_a_path(cast: Cast, roomy: Path, name: str) -> None:
    before = set(roomy.parent.rglob("*"))
    for body in ({"name": name}, {"file": name}, {"path": name}):
        assert cast.alice.post("/api/ui/snapshot", body).status_code == 400
    for path in ("/api/ui/snapshot", "/api/ui/daily_report", "/api/ui/ops_report.csv", "/api/ui/audit/export"):
        answer = cast.alice.call("GET", f"{path}?name={name}&file={name}&path={name}&day={name}".replace("\x00", "%00"))
        assert answer.status_code in (200, 400)
        assert b"root:" not in answer.content
    outside = [path for path in roomy.parent.rglob("*") if path not in before and roomy not in path.parents]
    assert outside in ([], [roomy / "snapshots"])


def test_a_link_in_the_place_of_a_directory_is_not_followed_out(cast: Cast, roomy: Path, tmp_path_factory: Any) -> None:
    """Names are made by the server: what it writes is a new file of its own name, never one that stands there."""
    answer = cast.otto.post("/api/ui/snapshot", {})
    name = answer.json()["file"].rpartition("/")[2]
    assert (roomy / "snapshots" / name).is_file()
    assert os.path.commonpath([(roomy / "snapshots" / name).resolve(), roomy.resolve()]) == str(roomy.resolve())


# --- H25: patterns that explode ----------------------------------------------------------------

SEEDS = (
    "a-", "a_", "a", "ab ", "a:", "a://", "://", ":", "=", "-", ".", " ", '"', "'", "0", "secret", "token ", "token=",
    "password ", "Bearer ", "x-mbx-", "ok-access-", "PBG-AAAAA-", "a-token", "http://a:", "api-key-", "sign", "\\", "{",
)  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_a_hundred_thousand_characters_are_redacted_at_once(seed: str) -> None:
    text = (seed * HUNDRED_KB)[:HUNDRED_KB]
    began = time.perf_counter()
    for form in (text, f"{text}\x00", f"{text}@"):
        redaction.redact_text(form)
        redaction.is_secret_name(form)
    assert time.perf_counter() - began < SECONDS


@pytest.mark.parametrize("text", ["1" * HUNDRED_KB, "1e" * HUNDRED_KB, "." * HUNDRED_KB, "+" * HUNDRED_KB])
def test_a_hundred_thousand_digits_are_refused_at_once(text: str) -> None:
    began = time.perf_counter()
    with pytest.raises(RefusedError):
        parse_number("amount", text)
    assert time.perf_counter() - began < SECONDS


def test_the_filters_of_every_list_answer_at_once(cast: Cast) -> None:
    began = time.perf_counter()
    for path in ("alerts?kind=", "events?since=", "audit_log?action=", "positions?symbol=", "pnl_history?limit="):
        assert cast.otto.get(f"/api/ui/{path}{'a-' * 2000}").status_code == 400
    assert time.perf_counter() - began < 5 * SECONDS


# --- H26: bodies that are too much -------------------------------------------------------------

TOO_MUCH = {
    "deep lists": "[" * 30_000 + "]" * 30_000,
    "deep objects": '{"a":' * 9_000 + "1" + "}" * 9_000,
    "many names": "{" + ",".join(f'"k{number}":1' for number in range(5_000)) + "}",
    "one megabyte": '{"reason": "' + "x" * 1_000_000 + '"}',
    "a long number": '{"amount": ' + "9" * 50_000 + "}",
}


@pytest.mark.parametrize("name", list(TOO_MUCH))
def test_a_body_that_is_too_much_is_refused_at_once(cast: Cast, name: str) -> None:
    began = time.perf_counter()
    answer = cast.alice.post("/api/ui/budget/reset", TOO_MUCH[name])
    assert answer.status_code in (400, 413)
    assert time.perf_counter() - began < SECONDS


def test_a_packed_body_is_not_unpacked(cast: Cast) -> None:
    packed = Client(headers={"Authorization": f"Bearer {cast.alice.token}", "Content-Encoding": "gzip"})
    answer = packed.post("/api/ui/budget/reset", b"\x1f\x8b\x08" + b"\0" * 100, content_type="application/json")
    assert answer.status_code == 400


# --- H27: letters that look alike --------------------------------------------------------------

LOOKALIKES = (
    "\u0430lice",  # a Cyrillic a
    "ali\u0441e",  # a Cyrillic es
    "alice\u200b",  # a space without width
    "\u202ealice",  # written from the right
    "\uff41\uff4c\uff49\uff43\uff45",  # full width
    "al\u0131ce",  # a dotless i
    "Alice",
    "alice ",
)


@pytest.mark.parametrize("name", LOOKALIKES)
def test_nobody_is_named_almost_like_somebody(cast: Cast, name: str) -> None:
    body = {**REASON, "action": "person_create", "person": name, "role": "viewer"}
    answer = cast.bob.post("/api/ui/access", body)
    assert answer.status_code in (400, 409)
    assert Person.objects.count() == 4
    link = {**REASON, "action": "person_link", "person": "vera", "username": name}
    assert cast.bob.post("/api/ui/access", link).status_code in (400, 409)


@pytest.mark.parametrize("digits", ["\u0661\u0662\u0663", "\uff11\uff12", "1\u0660", "²", "½"])
def test_only_ascii_digits_are_numbers(cast: Cast, digits: str) -> None:
    assert cast.vera.get(f"/api/ui/alerts?limit={digits}").status_code == 400
    assert cast.vera.post("/api/arb/preview", {"symbol": "BTCUSDT", "min_spread_bps": digits}).status_code == 400
    with pytest.raises(RefusedError):
        parse_number("amount", digits)


@pytest.mark.parametrize("symbol", ["\u0412TCUSDT", "BTC\u200bUSDT", "btcusdt\u0000", "BTC/USDT", "BTCUSDT;--"])
def test_a_symbol_is_ascii(cast: Cast, symbol: str) -> None:
    assert cast.vera.post("/api/arb/preview", {"symbol": symbol, "min_spread_bps": "1"}).status_code == 400


# --- H28: what is no JSON ----------------------------------------------------------------------

NO_JSON = (
    '{"\\ud800":1}',
    '{"action":"\\ud800"}',
    '{"a":NaN}',
    '{"a":Infinity}',
    '{"a":-Infinity}',
    '{"a":1,"a":2}',
    "{'a':1}",
    "{}{}",
    '{"a":1,}',
    "\ufeff{}",
)


@pytest.mark.parametrize("text", NO_JSON)
def test_what_two_readers_could_read_differently_is_400(cast: Cast, text: str) -> None:
    assert cast.alice.post("/api/ui/hold", text).status_code == 400
    with pytest.raises(StrictJSONError):
        strict_loads(text)


def test_no_route_reads_what_is_no_json(cast: Cast) -> None:
    texts = cycle(NO_JSON)
    for route, method, letters in cells():
        if method != "GET" and "O" in letters and "dashboard-" not in route.pattern:
            assert cast.alice.call(method, route.path, next(texts)).status_code == 400, route.path


# --- H30: sessions -----------------------------------------------------------------------------


def test_a_session_that_was_planted_before_the_login_is_not_the_one_after_it(cast: Cast) -> None:
    user = cast.vera.user
    user.set_password(PASSWORD)
    user.save()
    browser = Client()
    browser.get("/ui/login")
    planted = browser.session.session_key
    browser.cookies["sessionid"] = planted or "p" * 32
    browser.post("/ui/login", {"username": "vera", "password": PASSWORD})
    own = browser.cookies["sessionid"].value
    assert own not in (planted, "p" * 32)
    assert browser.get("/api/ui/positions").status_code == 200
    thief = Client()
    thief.cookies["sessionid"] = planted or "p" * 32
    assert thief.get("/api/ui/positions").status_code == 401


def test_a_new_password_ends_every_other_session(cast: Cast) -> None:
    browser = cast.vera.session()
    assert browser.get("/api/ui/positions").status_code == 200
    user = User.objects.get(pk=cast.vera.user.pk)
    user.set_password(PASSWORD)
    user.save()
    assert browser.get("/api/ui/positions").status_code == 401


def test_another_host_is_refused(cast: Cast, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["desk.example"]
    client = Client(headers={"Authorization": f"Bearer {cast.vera.token}"})
    assert client.get("/api/ui/positions", headers={"Host": "evil.example"}).status_code == 400
    assert client.get("/ui/login", headers={"Host": "desk.example"}).status_code == 200


def test_there_is_no_password_reset_that_could_be_poisoned() -> None:
    for path in ("/ui/password_reset", "/admin/password_reset/", "/accounts/password_reset/", "/ui/reset"):
        assert Client().post(path, {"email": "alice@example.com"}).status_code in (302, 403, 404)


# --- H31: who exists ---------------------------------------------------------------------------


def test_a_stranger_does_not_learn_who_exists(cast: Cast) -> None:
    """The same status and page for a name that is somebody's and one that is nobody's, and both are hashed."""
    seen = []
    for name in ("alice", "nobody-of-that-name"):
        answer = Client().post("/ui/login", {"username": name, "password": "wrong-password"})
        seen.append((answer.status_code, str(answer.context["form"].non_field_errors())))
    assert seen[0] == seen[1]


def test_a_token_that_never_was_reads_like_one_that_ended(cast: Cast) -> None:
    AuthToken.objects.filter(user=cast.bob.user).delete()
    answers = []
    for token in (cast.bob.token, "0" * 64, cast.vera.token[:-1] + "x"):
        answer = Client(headers={"Authorization": f"Bearer {token}"}).get("/api/ui/positions")
        answers.append((answer.status_code, answer.content))
    assert len(set(answers)) == 1
    assert answers[0][0] == 401


# --- H33 and H35 -------------------------------------------------------------------------------


def test_nothing_is_deleted_in_bulk_and_every_try_leaves_the_rows(cast: Cast) -> None:
    root = User.objects.create_superuser("root", password=PASSWORD)
    browser = Client()
    browser.force_login(root, backend="django.contrib.auth.backends.ModelBackend")
    before = AuditRecord.objects.count()
    for address in ("audit/auditrecord", "approvals/approvalrequest", "approvals/person", "risk/deskstate"):
        chosen = {"action": "delete_selected", "_selected_action": ["1", "2"], "post": "yes"}
        assert browser.post(f"/admin/{address}/", chosen).status_code in (200, 302, 403)
    assert AuditRecord.objects.count() >= before
    assert Person.objects.count() == 4


def test_no_page_can_be_framed(cast: Cast) -> None:
    browser = cast.alice.session()
    for path in ("/ui/dashboard", "/ui/login", "/ui/hedges", "/docs", "/admin/", "/admin/approvals/approvalrequest/"):
        answer = browser.get(path)
        assert answer.status_code == 200, path
        framed = answer.headers.get("X-Frame-Options"), answer.headers.get("Content-Security-Policy", "")
        assert framed[0] == "DENY", path
        assert "frame-ancestors 'none'" in framed[1], path
