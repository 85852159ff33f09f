"""The matrix of role, route and method: every cell asked over HTTP, by token and by session."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.test import Client, override_settings
from knox.models import AuthToken

from approvals.services.people import person_deactivate
from tests.access.matrix import MATRIX, NEVER_LIMITED, OTHER_ROUTES, cells, routes, served_methods
from tests.access.people import Cast, Member

pytestmark = pytest.mark.django_db(transaction=True)
NOBODY = ("anonymous", "inactive")
LETTER = {"vera": "V", "otto": "A", "alice": "O"}
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
# Every body is strict, so this one is refused with 400 wherever the role is allowed: nothing is done.
STRANGE = '{"no_such_field": 1}'
Ask = Callable[[str, str], Any]


@pytest.fixture(autouse=True)
def roomy(tmp_path: Path, settings: Any) -> Iterator[None]:
    settings.PROPBOT = settings.PROPBOT.replace(API_BURST=100_000, API_RATE_PER_MIN=100_000)
    with override_settings(DATA_DIR=tmp_path):
        yield


def by_token(who: Member) -> Ask:
    return _generic(Client(headers={"Authorization": f"Bearer {who.token}"}))


def by_session(user: User) -> Ask:
    browser = Client()
    browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return _generic(browser)


def _generic(client: Client) -> Ask:
    """One client for all cells: a new one would load the middleware again for each."""

    def ask(method: str, path: str) -> Any:
        if method not in UNSAFE:
            return client.generic(method, path)
        return client.generic(method, path, STRANGE, content_type="application/json")

    return ask


def test_every_route_of_the_product_stands_in_the_matrix() -> None:
    unknown = [route.pattern for route in routes() if route.pattern not in {*MATRIX, *OTHER_ROUTES}]
    gone = set(MATRIX) - {route.pattern for route in routes()}
    assert (unknown, gone) == ([], set())


def test_every_method_that_a_view_serves_has_a_cell() -> None:
    missing = [
        (route.pattern, method)
        for route in routes()
        if route.view
        for method in served_methods(route.view)
        if method not in MATRIX.get(route.pattern, {})
    ]
    assert missing == []


def test_what_stops_or_reduces_is_never_rate_limited() -> None:
    limited = [
        route.pattern
        for route, method, _ in cells()
        if method in UNSAFE and any(word in route.pattern for word in NEVER_LIMITED)
        if route.view and not route.view.never_limited
    ]
    assert limited == []


@pytest.mark.parametrize("way", ["token", "session"])
@pytest.mark.parametrize("name", ["vera", "otto", "alice"])
def test_each_role_reaches_exactly_its_cells(cast: Cast, name: str, way: str) -> None:
    who: Member = getattr(cast, name)
    ask = by_token(who) if way == "token" else by_session(who.user)
    wrong = []
    for route, method, letters in cells():
        status = ask(method, route.path).status_code
        allowed = LETTER[name] in letters
        fits = (status not in (401, 403, 405) and status < 500) if allowed else status == 403
        if not (fits or (allowed and status == 503)):
            wrong.append((method, route.path, status))
    assert wrong == []


def stranger(way: str) -> Ask:
    """Nobody, in the three ways of being nobody."""
    client = Client(headers={"Authorization": f"Bearer {'f' * 64}"}) if way == "bad token" else Client()
    if way == "bad session":
        client.cookies["sessionid"] = "a" * 32
    return _generic(client)


@pytest.mark.parametrize("way", ["nothing", "bad token", "bad session"])
def test_without_a_credential_every_cell_is_401(cast: Cast, way: str) -> None:
    ask = stranger(way)
    assert [(m, r.path) for r, m, _ in cells() if ask(m, r.path).status_code != 401] == []


@pytest.mark.parametrize("way", ["token", "session"])
def test_of_an_inactive_person_every_cell_is_401(cast: Cast, way: str) -> None:
    ask = by_token(cast.bob) if way == "token" else by_session(cast.bob.user)
    person_deactivate(person=cast.bob.person)
    assert [(m, r.path) for r, m, _ in cells() if ask(m, r.path).status_code != 401] == []


@pytest.mark.parametrize("way", ["token", "session"])
def test_an_account_that_was_only_switched_off_opens_nothing_either(cast: Cast, way: str) -> None:
    ask = by_token(cast.bob) if way == "token" else by_session(cast.bob.user)
    User.objects.filter(pk=cast.bob.user.pk).update(is_active=False)
    asked = [("GET", "/api/ui/positions"), ("POST", "/api/ui/hold"), ("PATCH", "/api/ui/control")]
    assert [ask(method, path).status_code for method, path in asked] == [401, 401, 401]


@pytest.mark.parametrize("way", ["token", "session"])
def test_a_superuser_without_a_group_reaches_no_cell(cast: Cast, way: str) -> None:
    root = User.objects.create_superuser("root", password="a-long-password-1")
    if way == "session":
        ask = by_session(root)
    else:
        _, token = AuthToken.objects.create(user=root)
        ask = _generic(Client(headers={"Authorization": f"Bearer {token}"}))
    assert [(m, r.path) for r, m, _ in cells() if ask(m, r.path).status_code != 403] == []


@pytest.mark.parametrize(
    "variant",
    [
        {"content_type": "application/json"},
        {"content_type": "application/json", "HTTP_ORIGIN": "https://evil.example", "HTTP_X_CSRFTOKEN": "c" * 32},
        {"content_type": "text/plain"},
        {"content_type": "application/x-www-form-urlencoded"},
    ],
    ids=["no token", "foreign origin", "text body", "form body"],
)
def test_a_session_without_csrf_writes_nowhere(cast: Cast, variant: dict[str, str]) -> None:
    browser = cast.alice.session()
    if "HTTP_ORIGIN" in variant:
        browser.cookies["csrftoken"] = "c" * 32
    passed = [
        (method, route.path)
        for route, method, _ in cells()
        if method in UNSAFE and browser.generic(method, route.path, "{}", **variant).status_code != 403
    ]
    assert passed == []


@pytest.mark.parametrize("safe", ["GET", "HEAD", "OPTIONS"])
def test_reading_makes_no_row(cast: Cast, safe: str) -> None:
    """Every safe method on every route, but for the snapshot's, which existing clients expect to write (H5)."""

    def counted() -> dict[str, int]:
        own = [m for app in ("audit", "approvals", "risk", "trading") for m in apps.get_app_config(app).get_models()]
        return {model._meta.label: model._default_manager.count() for model in own}

    ask = by_token(cast.alice)
    ask("GET", "/api/ui/positions")  # the token's last use is noted, once a minute
    before = counted()
    for route, method, _ in cells():
        asked = method == "GET" or safe == "OPTIONS"
        if asked and (route.pattern != "api/ui/snapshot" or safe == "OPTIONS"):
            assert ask(safe, route.path).status_code < 500, route.path
    assert counted() == before
