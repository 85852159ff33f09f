"""The desk reads and writes the same under every locale, language and time zone (RELIABILITY G6)."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.access.people import Cast
from tests.access.people import cast as cast

ROOT = Path(__file__).resolve().parents[2]
PLACES = {
    "here": {},
    "Turkish": {"LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8", "TZ": "Europe/Istanbul"},
    "German": {"LANG": "de_DE.UTF-8", "LC_ALL": "de_DE.UTF-8", "TZ": "Europe/Berlin"},
    "far east": {"LC_ALL": "C", "TZ": "Pacific/Kiritimati"},
    "far west": {"LC_ALL": "C.UTF-8", "TZ": "Pacific/Pago_Pago"},
}
# Reading and writing of numbers, flags, times and days, as a process of its own does it that begins under the locale.
PROGRAM = """
import contextlib, locale
with contextlib.suppress(locale.Error):
    locale.setlocale(locale.LC_ALL, "")
from datetime import UTC, datetime
from decimal import Decimal
import django
django.setup()
from django.template import Context, Template
from django.utils import timezone
from propbot.env import parse_flag, parse_decimal
from propbot.http.fields import parse_number
from propbot.http.renderers import jsonable
at = datetime(2026, 11, 22, 23, 59, 59, 500000, tzinfo=UTC)
print(parse_decimal("1234567.25"), parse_flag("TRUE"), parse_flag("ON"), parse_number("n", "1e3"))
print(jsonable({"money": Decimal("1234567.25"), "at": at, "small": Decimal("1e-8")}))
print(Template("{{ money }} {{ at|date:'Y-m-d H:i' }}").render(Context({"money": Decimal("1234567.25"), "at": at})))
print(timezone.localtime(at).date(), timezone.get_current_timezone_name(), "TITLE".lower(), "i".upper())
try:
    parse_decimal("1,5")
except ValueError:
    print("a comma is refused")
"""


@cache
def said_in(place: str) -> str:
    environ = {**os.environ, **PLACES[place], "DJANGO_SETTINGS_MODULE": "propbot.settings", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environ, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr[-800:]
    return "\n".join(done.stdout.splitlines()[-5:])


@pytest.mark.parametrize("place", [place for place in PLACES if place != "here"])
def test_a_process_under_another_locale_says_the_same(place: str) -> None:
    said = said_in(place)
    assert said == said_in("here")
    assert "1234567.25 True True" in said
    assert "2026-11-22 UTC title I" in said
    assert "a comma is refused" in said


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("language", ["de", "tr", "fr-CA", "ar", "hi"])
def test_the_language_of_a_browser_changes_no_figure(cast: Cast, language: str) -> None:
    from django.test import Client

    def limits(**headers: str) -> bytes:
        client = Client(headers={"Authorization": f"Bearer {cast.vera.token}", **headers})
        return bytes(client.get("/api/ui/limits").content)

    assert limits(**{"Accept-Language": language}) == limits()
