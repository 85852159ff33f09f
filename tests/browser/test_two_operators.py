"""The whole way on the page: stop, ask, be refused, approve, run, and a hedge that appears. In this order."""

from typing import Any

from tests.acceptance.desk import Desk, wait_for
from tests.browser.conftest import Eyes

# Within a second of the commit the page of somebody else must say it (issue of the dashboard).
ONE_SECOND = 1_000
# Everything else may take as long as a busy machine needs.
PATIENCE = 30_000
REFUSED_ON_THE_WAY = (400, 423, 503)


def line(page: Any) -> str:
    return str(page.locator("#line").inner_text())


def mark(page: Any) -> None:
    """A mark that a reload would wipe away."""
    page.evaluate("window.notReloaded = true")


def not_reloaded(page: Any) -> bool:
    return bool(page.evaluate("window.notReloaded === true"))


def says(page: Any, text: str, within: int = PATIENCE) -> None:
    page.locator("#line", has_text=text).wait_for(timeout=within)


def press(page: Any, form: str, button: str = "button") -> None:
    """Press a button of the page and have the desk's consent to it: what an earlier press was told proves nothing."""
    with page.expect_response(f"**/api/ui/dashboard-{form}", timeout=PATIENCE) as told:
        page.click(f"form[action='/api/ui/dashboard-{form}'] fieldset:not([disabled]) {button}", timeout=PATIENCE)
    assert told.value.ok, told.value.text()


def approve_on_the_page(eyes: Eyes, name: str) -> None:
    page = eyes.of(name)
    field = page.locator("form[action='/api/ui/dashboard-approve'] input[name=token]").first
    field.fill(eyes.desk.accounts["approve_token"], timeout=PATIENCE)
    press(page, "approve", "button[value=approve]")
    page.locator("#toast", has_text="Approved and executed.").wait_for()


def test_alice_stops_the_desk_and_vera_sees_it_within_a_second(eyes: Eyes) -> None:
    alice, vera = eyes.of("alice"), eyes.of("vera")
    mark(vera)
    alice.fill("#hold-reason", "browser test")
    press(alice, "hold")
    says(vera, "Stopped by alice", ONE_SECOND)
    assert "browser test" in line(vera)
    assert not_reloaded(vera)


def test_alice_asks_and_may_not_approve_herself(eyes: Eyes) -> None:
    alice = eyes.of("alice")
    alice.fill("#resume-reason", "everything was checked")
    press(alice, "resume-request")
    alice.locator("text=You asked for this. Another operator decides.").wait_for()
    pending = eyes.desk.get("/api/ui/approvals", "alice")["pending"][0]
    refused = alice.evaluate(
        """async ([id, digest, token]) => {
            const sent = new FormData();
            const fields = { approval_id: id, payload_digest: digest, token, decision: "approve" };
            for (const [name, value] of Object.entries(fields)) sent.set(name, value);
            sent.set("csrfmiddlewaretoken", document.querySelector("[name=csrfmiddlewaretoken]").value);
            const answer = await fetch("/api/ui/dashboard-approve", { method: "POST", body: sent });
            return answer.status;
        }""",
        [pending["id"], pending["payload_digest"], eyes.desk.accounts["approve_token"]],
    )
    assert refused == 403
    assert "awaiting second confirmation" in line(alice)


def test_the_auditor_sees_it_all_and_has_no_control(eyes: Eyes) -> None:
    otto = eyes.of("otto")
    otto.locator("text=auditor role: read only").wait_for()
    otto.locator("[data-approval]").wait_for()
    assert otto.locator("form[data-post]").count() == 0
    assert otto.locator("fieldset").count() == 0


def test_bob_approves_and_every_page_follows(eyes: Eyes) -> None:
    approve_on_the_page(eyes, "bob")
    for name in ("alice", "vera", "otto"):
        says(eyes.of(name), "SAFE_MODE is still on")
    assert not_reloaded(eyes.of("vera"))


def test_safe_mode_comes_off_with_two_and_alice_resumes(eyes: Eyes) -> None:
    alice = eyes.of("alice")
    press(alice, "control", "button[value=safe_mode_off]")
    approve_on_the_page(eyes, "bob")
    says(alice, "Ready but not running")
    press(alice, "resume")
    says(eyes.of("vera"), "Running:")


def executed(desk: Desk) -> Any:
    found = desk.get("/api/arb/opportunity")
    if found["status"] != "allowed":
        return None
    best = found["opportunity"]
    body = {"symbol": best["symbol"], "min_spread_bps": "0", "notion_usdt": "250", "leverage": "1"}
    answer = desk.call("POST", "/api/arb/execute", "alice", body)
    assert answer.status_code in (200, *REFUSED_ON_THE_WAY), answer.text
    return answer.json() if answer.status_code == 200 and answer.json().get("success") else None


def test_a_hedge_opens_and_appears_by_itself(eyes: Eyes) -> None:
    vera = eyes.of("vera")
    mark(vera)
    # The edge is made, not waited for; then the scanner needs a moment.
    lift = {"venue": "okx-perp", "symbol": "BTCUSDT", "bps": 60, "seconds": 120}
    eyes.desk.simulator_post("/control/dislocate", lift)
    answer = wait_for("a hedge opens", lambda: executed(eyes.desk), lambda done: done is not None, 110)
    row = vera.locator(f"tr[data-hedge='{answer['position']['id']}']")
    row.wait_for()
    assert answer["position"]["symbol"] in row.inner_text()
    assert "SIMULATED" in row.inner_text()
    assert not_reloaded(vera)


def test_a_cut_socket_says_stale_and_the_page_catches_up(eyes: Eyes) -> None:
    bob, wire = eyes.of("bob"), eyes.wires["bob"]
    mark(bob)
    wire.cut()
    bob.locator("#stale").wait_for(state="visible")
    assert bob.locator("fieldset[data-control]:not([disabled])").count() == 0
    eyes.desk.post("/api/ui/hold", "alice", {"reason": "while bob was cut off"})
    wire.healthy = True
    says(bob, "while bob was cut off")
    bob.locator("#stale").wait_for(state="hidden")
    assert bob.locator("fieldset[data-control]:not([disabled])").count() > 0
    assert not_reloaded(bob)


def test_no_page_is_wider_than_a_phone(eyes: Eyes) -> None:
    page = eyes.of("vera")
    page.set_viewport_size({"width": 360, "height": 780})
    for path in ("/ui/dashboard", "/ui/hedges"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
