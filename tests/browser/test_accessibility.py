"""axe-core finds no serious fault on the pages that people work with. The library comes from npm, for tests only."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from propbot.console.browser import signed_in
from tests.acceptance.desk import Desk
from tests.browser.conftest import Eyes

pytestmark = pytest.mark.timeout(300)  # the first one starts a desk, a browser and npm
AXE = "axe-core@4.10.2"
GRAVE = ("serious", "critical")
RUN = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.map(
  v => ({id: v.id, impact: v.impact, help: v.help, nodes: v.nodes.map(n => n.target.join(" ") + " " + n.failureSummary)}))"""


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The library's source; injected by the driver, so that the pages' own policy stays as it is."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    place = tmp_path_factory.mktemp("axe")
    command = [npm, "install", "--prefix", str(place), "--ignore-scripts", "--no-audit", "--no-fund", "--silent", AXE]
    subprocess.run(command, check=True, timeout=90)
    return (Path(place) / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def grave_faults(page: Any, axe: str) -> list[str]:
    page.evaluate(axe)
    found = page.evaluate(RUN)
    return [f"{row['id']} ({row['impact']}): {row['nodes'][:3]}" for row in found if row["impact"] in GRAVE]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_login_has_no_serious_fault(browser: Any, desk: Desk, axe: str, scheme: str) -> None:
    page = browser.new_context(base_url=desk.base_url, color_scheme=scheme).new_page()
    page.goto("/ui/login")
    assert grave_faults(page, axe) == []
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_the_dashboard_has_no_serious_fault(browser: Any, desk: Desk, axe: str, scheme: str, width: int) -> None:
    password = desk.accounts["people"]["alice"]["password"]
    view = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    page = signed_in(browser, desk.base_url, "alice", password, **view)
    assert grave_faults(page, axe) == []
    page.goto("/ui/hedges")
    assert grave_faults(page, axe) == []
    link = page.locator("main a[href^='/ui/hedges/']").first
    if link.count():
        link.click()
        page.wait_for_url("**/ui/hedges/*")
        assert grave_faults(page, axe) == []
    page.context.close()


def test_the_approval_page_has_no_serious_fault(eyes: Eyes, axe: str) -> None:
    """What waits is decided on the dashboard; the request's own page is the admin's."""
    page = eyes.of("alice")
    page.goto("/ui/dashboard")
    page.evaluate(
        """async () => {
          const token = document.cookie.match(/csrftoken=([^;]+)/)?.[1] ?? document.querySelector("[name=csrfmiddlewaretoken]").value;
          await fetch("/api/ui/dashboard-hold", {method: "POST", headers: {"X-CSRFToken": token}, body: new URLSearchParams({reason: "axe"})});
          await fetch("/api/ui/dashboard-resume-request", {method: "POST", headers: {"X-CSRFToken": token}, body: new URLSearchParams({reason: "axe"})});
        }"""
    )
    bob = eyes.of("bob")
    bob.goto("/ui/dashboard")
    bob.locator("form[action='/api/ui/dashboard-approve']").first.wait_for()
    assert grave_faults(bob, axe) == []
