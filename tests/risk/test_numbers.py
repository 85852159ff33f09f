"""What is no proper number passes nowhere: every numeric field of every body, query, form and setting is tried.

The fields are found, not listed: a new one is tried without anybody thinking of it. Venue answers are read by one
strict reader, which tests/venues tries with the same corpus.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse
from knox.models import AuthToken
from rest_framework.test import APIClient

from propbot.config import SETTINGS
from propbot.env import Setting, read
from propbot.http.fields import NumberField
from propbot.http.serializers import StrictSerializer
from risk.models import ControlSettings, LimitsVersion, RiskLimit
from risk.services.limits import limits_read
from tests.access.bodies import BODIES
from tests.risk.figures import Cast, Figures
from trading.venues.parsing import FieldError, number

pytestmark = pytest.mark.django_db

# As raw JSON, for half of them cannot be said by a proper encoder.
RAW = {
    "not a number": "NaN",
    "infinite": "Infinity",
    "less than all": "-Infinity",
    "far too large": "1e400",
    "far too small": "1e-400",
    "negative": "-1",
    "5,000 digits": "9" * 5000,
    "5,000 places": "0." + "1" * 5000,
    "39 digits": "1" * 39,
    "beyond 1e18": "1e19",
    "true": "true",
    "null": "null",
    "a list": "[1]",
    "an object": '{"value": 1}',
}
TEXTS = [
    "NaN",
    "nan",
    "sNaN",
    "Infinity",
    "-inf",
    "1e400",
    "1e-400",
    "-1",
    "9" * 5000,
    "1" * 39,
    "1e19",
    "",
    " 1",
    "1,5",
]
TEXTS += ["1_000", "0x10", "\u0663", "\uff11", "1e", "--1", "+-1", "1.2.3", "NULL", "$1"]
CORPUS = {**RAW, **{f"text {text[:12]!r}": json.dumps(text) for text in TEXTS}}
# Bodies whose routes have no entry among the proper bodies of the access tests.
EXTRA: dict[tuple[str, str], dict[str, Any]] = {
    ("PATCH", "api/ui/control"): {"reason": "r"},
    ("POST", "api/arb/preview"): {"symbol": "BTCUSDT", "min_spread_bps": "1"},
    ("POST", "api/ui/access"): {"action": "person_link", "person": "vera", "reason": "r"},
}


def subclasses(of: type) -> Iterator[type]:
    for one in of.__subclasses__():
        yield one
        yield from subclasses(one)


def numeric_fields() -> dict[str, set[str]]:
    """Serializer -> its numeric fields, of every body that PropBot reads."""
    assert get_resolver().url_patterns
    found = {}
    for body in subclasses(StrictSerializer):
        fields = {name for name, field in body().fields.items() if isinstance(field, NumberField)}
        if fields and body.__module__.split(".")[0] in ("risk", "trading", "approvals", "audit", "propbot"):
            found[body.__qualname__] = fields
    return found


# Which routes read which body.
ROUTES: dict[str, tuple[str, str]] = {
    "LimitBody": ("POST", "api/ui/limits"),
    "ControlBody": ("PATCH", "api/ui/control"),
    "PreviewBody": ("POST", "api/arb/preview"),
    "ExecuteBody": ("POST", "api/arb/execute"),
    "AccessBody": ("POST", "api/ui/access"),
}
CASES = [
    (method, path, field)
    for body, (method, path) in ROUTES.items()
    for field in sorted(
        {
            "LimitBody": {"value"},
            "ControlBody": {"order_notional_usdt", "max_slippage_bps", "min_spread_bps", "poll_interval_sec"},
            "PreviewBody": {"min_spread", "min_spread_bps", "notional"},
            "ExecuteBody": {"min_spread", "min_spread_bps", "notion_usdt", "leverage"},
            "AccessBody": {"telegram_id"},
        }[body]
    )
]


def test_every_numeric_field_of_every_body_is_tried() -> None:
    """A new numeric field, or a new body, has to appear in the table above."""
    known = numeric_fields()
    known.pop("SpreadBody", None)  # the base of two others, read by no route itself
    assert known == {
        body: {field for method, path, field in CASES if (method, path) == route} for body, route in ROUTES.items()
    }


@pytest.fixture
def alice(cast: Cast, figures: Figures, setting: Callable[..., None]) -> APIClient:
    setting(API_RATE_PER_MIN=10_000, API_BURST=10_000)
    client = APIClient()
    _, token = AuthToken.objects.create(User.objects.get(username="alice"))
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def body_with(method: str, path: str, field: str, raw: str) -> str:
    proper = {name: value for name, value in (EXTRA.get((method, path)) or BODIES[path]).items() if name != field}
    rest = json.dumps(proper)[1:-1]
    return "{" + (f"{rest}, " if rest else "") + f'"{field}": {raw}' + "}"


@pytest.mark.parametrize(("method", "path", "field"), CASES)
def test_a_body_with_what_is_no_number_is_refused_and_changes_nothing(
    alice: APIClient, method: str, path: str, field: str
) -> None:
    before = (limits_read().version, list(ControlSettings.objects.values()))
    for what, raw in CORPUS.items():
        body = body_with(method, path, field, raw)
        answer = alice.generic(method, f"/{path}", body, content_type="application/json")
        assert answer.status_code == 400, (what, answer.content[:200])
        text = answer.content.decode()
        assert "Traceback" not in text
        assert len(text) < 1000, what
    assert (limits_read().version, list(ControlSettings.objects.values())) == before


@pytest.mark.parametrize("raw", ["1e400", "-1", '"NaN"', '"\uff11"'])
def test_the_refusal_names_the_field(alice: APIClient, raw: str) -> None:
    body = body_with("POST", "api/ui/limits", "value", raw)
    answer = alice.generic("POST", "/api/ui/limits", body, content_type="application/json").json()
    assert (answer["error"], answer["field"]) == ("invalid_number", "value")


def api_reads() -> list[str]:
    """Every API route that is read and takes no argument in its path."""
    found = []
    for pattern in get_resolver().url_patterns:
        for one in getattr(pattern, "url_patterns", [pattern]):
            route = str(getattr(one, "pattern", ""))
            if isinstance(one, URLPattern) and route.startswith("api/") and "<" not in route:
                view = getattr(one.callback, "view_class", None) or getattr(one.callback, "cls", None)
                if view is not None and hasattr(view, "get"):
                    found.append(route)
    return found


QUERY_TEXTS = ["NaN", "-1", "9" * 4000]


def test_no_query_of_any_route_breaks_it(alice: APIClient) -> None:
    routes = api_reads()
    assert len(routes) > 20
    for route in routes:
        for text in QUERY_TEXTS:
            for query in ({"limit": text}, dict.fromkeys(("offset", "from_seq", "day", "since", "until"), text)):
                answer = alice.get(f"/{route}", query)
                assert answer.status_code in (200, 400, 403, 404), (route, text[:20], answer.status_code)


@pytest.mark.parametrize("route", ["api/ui/hedge/log", "api/ui/pnl_history", "api/ui/orders", "api/ui/alerts"])
def test_a_limit_that_is_no_number_is_named(alice: APIClient, route: str) -> None:
    for text in ("NaN", "-1", "1e400", "9" * 4000, "1.5"):
        answer = alice.get(f"/{route}", {"limit": text})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_number"), text[:20]
        assert answer.json()["field"] == "limit"


def test_a_form_of_the_admin_takes_no_such_value(cast: Cast, figures: Figures) -> None:
    user = User.objects.get(username="alice")
    User.objects.filter(pk=user.pk).update(is_staff=True)
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    row = RiskLimit.objects.get(name="MAX_TOTAL_NOTIONAL_USDT", scope="")
    address = reverse("admin:risk_risklimit_change_limit", args=[row.pk])
    before = LimitsVersion.objects.count()
    for text in (*(text for text in TEXTS if text.strip() != "1"), "0"):
        assert client.post(address, {"value": text, "reason": "r"}).status_code in (200, 302), text[:20]
    assert LimitsVersion.objects.count() == before
    row.refresh_from_db()
    assert row.value == 75_000


NUMERIC = [setting for setting in SETTINGS if setting.kind in ("decimal", "integer", "decimals", "venue_limits")]
NO_SETTING = [
    "NaN",
    "sNaN",
    "Infinity",
    "-Infinity",
    "1e400",
    "-1e400",
    "9" * 5000,
    "1" * 39,
    "1_000",
    "\uff11",
    "0x10",
    " 1",
    "1 ",
]


@pytest.mark.parametrize("setting", NUMERIC, ids=lambda setting: setting.name)
def test_a_setting_that_is_no_number_is_fatal_and_named(setting: Setting) -> None:
    """No read of the environment passes with it: its problem names the variable and a cure."""
    wrap = "binance-um:{}".format if setting.kind == "venue_limits" else "{}".format
    for text in NO_SETTING:
        _, problems = read(SETTINGS, {setting.name: wrap(text)})
        named = [problem for problem in problems if problem.name == setting.name]
        assert named, (setting.name, text[:20])
        assert named[0].cure
        assert len(named[0].message) < 300


def test_a_limit_of_the_environment_is_never_negative() -> None:
    limits = [setting for setting in NUMERIC if setting.name.startswith(("MAX_", "EDGE_", "STRATEGY_", "ORDER_"))]
    assert len(limits) > 12
    for setting in limits:
        text = "binance-um:-1" if setting.kind == "venue_limits" else "-1"
        _, problems = read(SETTINGS, {setting.name: text})
        assert [problem.name for problem in problems if problem.name == setting.name], setting.name


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "-Infinity", "1e400", "9" * 5000, "1" * 39, "0x10", "", " 1", "\uff11"]
)
def test_a_venues_answer_with_no_number_is_an_error_of_that_field(text: str) -> None:
    with pytest.raises(FieldError, match="bidPrice"):
        number({"bidPrice": text}, "bidPrice")
