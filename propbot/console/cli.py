"""propbotctl: the desk from a terminal, over HTTP. Exit codes: 0 done, 1 refused, 2 wrong use, 3 no answer."""

import asyncio
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from propbot.console import feed_client
from propbot.console.desk_client import DeskClient, DeskError

REFUSED, UNREACHABLE = 1, 3
console = Console()


class Desk:
    """What every command needs: the caller's client and how to print."""

    def __init__(self, base_url: str, token: str, as_json: bool) -> None:
        self.base_url, self.token, self.as_json = base_url.rstrip("/"), token, as_json
        self.http = DeskClient(self.base_url, token, channel="cli")

    def show(self, document: Any, human: Callable[[Any], None]) -> None:
        if self.as_json:
            click.echo(json.dumps(document, indent=2))
        else:
            human(document)


def command(act: Callable[..., None]) -> Callable[..., None]:
    """Refusals become a sentence and an exit code, never a traceback."""

    @click.pass_obj
    @wraps(act)
    def run(desk: Desk, *args: Any, **kwargs: Any) -> None:
        try:
            act(desk, *args, **kwargs)
        except DeskError as error:
            click.echo(str(error), err=True)
            sys.exit(REFUSED if error.status else UNREACHABLE)

    return run


def table(title: str, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    found = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        found.add_column(column, overflow="fold")
    for row in rows:
        found.add_row(*("no data" if cell is None else str(cell) for cell in row))
    console.print(found)


def say(text: str) -> Callable[[Any], None]:
    return lambda _: click.echo(text)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--base-url", envvar="PROPBOT_BASE_URL", default="http://127.0.0.1:8000", show_default=True)
@click.option("--token", envvar="API_TOKEN", default="", help="Bearer token (or API_TOKEN in the environment).")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
@click.pass_context
def main(context: click.Context, base_url: str, token: str, as_json: bool) -> None:
    """Operate a PropBot desk."""
    if not token and context.invoked_subcommand != "completion":
        raise click.UsageError("a bearer token is needed: --token, or API_TOKEN in the environment")
    desk = Desk(base_url, token, as_json)
    context.obj = desk
    context.call_on_close(desk.http.close)


@main.command()
@command
def status(desk: Desk) -> None:
    """The state of the desk in one line, its flags and its health."""

    def human(s: Mapping[str, Any]) -> None:
        click.echo(s["status_line"])
        flags = ", ".join(name for name, on in s["flags"].items() if on) or "none"
        click.echo(f"overall {s['overall']}, mode {s['mode']}, flags: {flags}, build {s['build_version']}")
        if s["failing"]:
            click.echo(f"failing: {', '.join(s['failing'])}")

    desk.show(desk.http.get("/api/ui/status/overview"), human)


@main.command()
@command
def components(desk: Desk) -> None:
    """Each part of the desk and what it says."""
    body = desk.http.get("/api/ui/status/components")
    columns = ("group", "id", "status", "summary")
    desk.show(body, lambda s: table("Components", columns, ([row[c] for c in columns] for row in s["components"])))


@main.command()
@click.option("--status", "wanted", default=None, help="open, partial, closed, simulated, ...")
@command
def positions(desk: Desk, wanted: str | None) -> None:
    """Hedges with both legs."""
    columns = ("symbol", "status", "simulated", "base_size", "notional_usdt", "unrealized_pnl_usdt", "id")
    body = desk.http.get("/api/ui/positions", status=wanted, limit=50)
    desk.show(body, lambda s: table("Hedges", columns, ([row[c] for c in columns] for row in s["positions"])))


@main.command()
@click.option("--limit", default=20, show_default=True)
@command
def alerts(desk: Desk, limit: int) -> None:
    """What operators were told, newest first."""
    columns = ("ts", "severity", "kind", "text")
    body = desk.http.get("/api/ui/alerts", limit=limit)
    desk.show(body, lambda s: table("Alerts", columns, ([row[c] for c in columns] for row in s["alerts"])))


def _hold(desk: Desk, reason: str) -> None:
    body = desk.http.post("/api/ui/hold", {"reason": reason})
    in_flight = body.get("in_flight")
    wire = "unknown" if in_flight is None else ", ".join(in_flight) or "none"
    desk.show(body, say(f"HOLD #{body['hold_id']} stands. Orders on the wire: {wire}."))


@main.command()
@click.argument("reason")
@command
def hold(desk: Desk, reason: str) -> None:
    """Stop the desk, at once."""
    _hold(desk, reason)


@main.command()
@click.argument("reason", default="paused from the CLI")
@command
def pause(desk: Desk, reason: str) -> None:
    """The same as hold."""
    _hold(desk, reason)


@main.group(invoke_without_command=True)
@click.pass_context
def resume(context: click.Context) -> None:
    """Set mode to RUN (step 6); with request or confirm: steps 2 and 3."""
    if context.invoked_subcommand is None:
        context.invoke(resume_run)


@click.command()
@command
def resume_run(desk: Desk) -> None:
    body = desk.http.post("/api/ui/resume")
    desk.show(body, say(f"Mode is {body['mode']}."))


@resume.command("request")
@click.argument("reason")
@command
def resume_request(desk: Desk, reason: str) -> None:
    """Ask another operator to clear HOLD."""
    body = desk.http.post("/api/ui/resume-request", {"reason": reason})
    row = body["resume_request"]
    desk.show(
        body, say(f"Asked by {row['requested_by']}, valid until {row['expires_at']}: awaiting second confirmation.")
    )


def second_factor(act: Callable[..., None]) -> Callable[..., None]:
    """The APPROVE_TOKEN is asked for, never an argument: shells keep a history."""
    act = click.option("--otp", default="", help="TOTP code, when you have enrolled one.")(act)
    return click.option("--approve-token", envvar="APPROVE_TOKEN", prompt="APPROVE_TOKEN", hide_input=True)(act)


def _factors(approve_token: str, otp: str) -> dict[str, str]:
    return {"token": approve_token, **({"otp": otp} if otp else {})}


@resume.command("confirm")
@second_factor
@command
def resume_confirm(desk: Desk, approve_token: str, otp: str) -> None:
    """Clear HOLD as the second operator."""
    body = desk.http.post("/api/ui/resume-confirm", _factors(approve_token, otp))
    desk.show(body, say(f"HOLD is cleared: {body['hold_cleared']}."))


def _pending(body: Mapping[str, Any]) -> Callable[[Any], None]:
    return say(f"HOLD stands. Request {body['request_id']}: awaiting second confirmation.")


@main.command()
@click.argument("reason")
@command
def kill(desk: Desk, reason: str) -> None:
    """HOLD and SAFE_MODE now; a second operator's approval cancels every open order."""
    body = desk.http.post("/api/ui/kill-request", {"reason": reason})
    desk.show(body, _pending(body))


@main.command("cancel-all")
@click.argument("reason")
@command
def cancel_all(desk: Desk, reason: str) -> None:
    """Ask to cancel every open order on every venue."""
    body = desk.http.post("/api/ui/cancel-all", {"reason": reason})
    desk.show(body, _pending(body))


@main.group(invoke_without_command=True)
@click.pass_context
def approvals(context: click.Context) -> None:
    """What waits for a second person; with approve or deny: decide it."""
    if context.invoked_subcommand is None:
        context.invoke(approvals_list)


@click.command()
@command
def approvals_list(desk: Desk) -> None:
    columns = ("id", "sentence", "requested_by", "reason", "expires_at")
    body = desk.http.get("/api/ui/approvals")
    desk.show(body, lambda s: table("Pending", columns, ([row[c] for c in columns] for row in s["pending"])))


def _decide(desk: Desk, approval_id: str, verb: str, factors: dict[str, str]) -> None:
    seen = {row["id"]: row for row in desk.http.get("/api/ui/approvals")["pending"]}.get(approval_id)
    if seen is None:
        raise DeskError(404, "not_found", "nothing of that id waits")
    click.echo(f"{seen['sentence']} (asked by {seen['requested_by']}: {seen['reason']})", err=True)
    body = desk.http.post(
        f"/api/ui/approvals/{approval_id}/{verb}", {**factors, "payload_digest": seen["payload_digest"]}
    )
    desk.show(body, say(f"{verb}: done."))


@approvals.command()
@click.argument("approval_id")
@second_factor
@command
def approve(desk: Desk, approval_id: str, approve_token: str, otp: str) -> None:
    """Approve exactly what is shown."""
    _decide(desk, approval_id, "approve", _factors(approve_token, otp))


@approvals.command()
@click.argument("approval_id")
@second_factor
@command
def deny(desk: Desk, approval_id: str, approve_token: str, otp: str) -> None:
    """Deny it."""
    _decide(desk, approval_id, "deny", _factors(approve_token, otp))


@main.command("rotate-key")
@click.option("--name", default=None, help="Which secret (default: the Binance live secret).")
@click.option("--value", prompt=True, hide_input=True)
@click.option("--reason", default="rotation")
@command
def rotate_key(desk: Desk, name: str | None, value: str, reason: str) -> None:
    """Ask to replace a secret; it is sealed to the trader and never shown again."""
    body = desk.http.post("/api/ui/secret", {"value": value, "reason": reason, **({"name": name} if name else {})})
    desk.show(body, say(f"Asked: {body.get('request_id')}: awaiting second confirmation."))


@main.command("export-log")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
@command
def export_log(desk: Desk, out: Path) -> None:
    """Write the audit trail, with its hashes, as JSON lines."""
    answer = desk.http.call("GET", "/api/ui/audit/export")
    out.write_bytes(answer.content)
    click.echo(f"{out}: {len(answer.content)} bytes", err=True)


@main.command("ops-report")
@click.option("--csv", "as_csv", is_flag=True)
@command
def ops_report(desk: Desk, as_csv: bool) -> None:
    """The operations report, as JSON or CSV."""
    path = "/api/ui/ops_report.csv" if as_csv else "/api/ui/ops_report"
    answer = desk.http.call("GET", path)
    click.echo(answer.text if as_csv else json.dumps(answer.json(), indent=2))


@main.command()
@command
def tail(desk: Desk) -> None:
    """Follow the live feed until interrupted."""

    def hear(message: Mapping[str, Any]) -> None:
        if message["type"] == "lost":
            click.echo(feed_client.line_of(dict(message)), err=True)
        elif message["type"] != "heartbeat":
            click.echo(json.dumps(message) if desk.as_json else feed_client.line_of(dict(message)))

    try:
        asyncio.run(feed_client.follow(desk.base_url, desk.token, hear))
    except KeyboardInterrupt:
        return
    except feed_client.FeedRefusedError as error:
        raise DeskError(401, "unauthorized", str(error)) from error
    except feed_client.FeedUnreachableError as error:
        raise DeskError(0, "unreachable", str(error)) from error


def _add_the_rest() -> None:
    """The commands that live next door; they import the helpers above, so they come last."""
    from propbot.console.cli_steps import COMMANDS

    for found in COMMANDS:
        main.add_command(found)


_add_the_rest()

if __name__ == "__main__":
    main()
