"""What people type stays text in a real browser: dashboard, hedge pages and admin, with scripts allowed to run (H16)."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User

from approvals.services import approval_request
from audit.services import alert, record
from risk.services.hold import hold_engage
from risk.services.strategies import strategy_freeze
from tests.access.people import Cast
from tests.access.people import cast as cast
from tests.console.hedges import make_hedge

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD = "a-long-browser-password-1"
MARKUP = (
    "<script>window.pwned=1</script>",
    "<img src=x data-pwned onerror=window.pwned=1>",
    "\"'><svg data-pwned onload=alert(1)>",
    "</textarea></template><iframe data-pwned srcdoc='<script>parent.pwned=1</script>'></iframe>",
    "<a data-pwned href=javascript:alert(1)>click</a>",
    "{{ 7*7 }}${alert(1)}<b data-pwned>bold</b>",
)
PAGES = (
    "/ui/dashboard",
    "/ui/dashboard/sections",
    "/ui/hedges",
    "/docs",
    "/admin/",
    "/admin/audit/auditrecord/",
    "/admin/audit/opsalert/",
    "/admin/approvals/approvalrequest/",
    "/admin/risk/deskstate/",
    "/admin/risk/strategy/",
    "/admin/trading/hedge/",
)


@pytest.fixture
def planted(cast: Cast) -> list[str]:
    """Markup in every field that a person fills; the addresses of the things it now stands on."""
    paths = []
    for number, text in enumerate(MARKUP):
        with cast.alice.acting():
            hold_engage(reason=text, source="alice")
            person = f"guest{number}"
            row = approval_request(
                action="person_create", target=person, payload={"person": person, "role": "viewer"}, reason=text
            )
        record(action="note", target=text, details={"said": text, text: "key"})
        alert(kind="note", severity="warning", text=text, extra={text: text})
        paths += [f"/admin/approvals/approvalrequest/{row.pk}/change/"]
    hedge = make_hedge(initiator=MARKUP[1][:64])
    strategy_freeze(name="cross_exchange_arb", reason=MARKUP[0])
    return [*paths[:2], f"/ui/hedges/{hedge.pk}"]


@pytest.fixture
def page(live_server: Any, cast: Cast) -> Iterator[Any]:
    from propbot.console.browser import chromium

    user = User.objects.get(pk=cast.bob.user.pk)
    user.set_password(PASSWORD)
    user.save()
    with chromium() as browser:
        found = browser.new_context(base_url=live_server.url).new_page()
        found.goto("/ui/login")
        found.fill("#id_username", "bob")
        found.fill("#id_password", PASSWORD)
        found.click("button[type=submit]")
        found.wait_for_url("**/ui/dashboard")
        yield found


@pytest.mark.timeout(240)
def test_markup_stays_text_on_every_page(planted: list[str], page: Any) -> None:
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    shown = ""
    for path in (*PAGES, *planted):
        answer = page.goto(path, wait_until="load")
        assert answer.status == 200, path
        assert page.locator("[data-pwned]").count() == 0, path
        assert page.evaluate("window.pwned") is None, path
        shown += str(page.evaluate("document.body.innerText"))
    assert dialogs == []
    missing = [text for text in MARKUP if text[:20] not in shown]
    assert missing == [], "what was planted was seen, as text"
