"""More of propbotctl: the second steps by name, loosening control, one hedge at a time, break-glass, completion."""

import sys
from getpass import getpass
from typing import Any

import click
from click.shell_completion import get_completion_class

from propbot.console.cli import Desk, _factors, _pending, command, main, say, second_factor, table
from propbot.console.desk_client import DeskError

PROGRAM = "propbotctl"
CODES_NEEDED = 2


def _confirmed(desk: Desk, path: str, factors: dict[str, str], **more: str) -> None:
    body = desk.http.post(path, {**factors, **more})
    canceled = body.get("cancelled")
    words = ", ".join(f"{venue}: {count}" for venue, count in canceled.items()) if canceled else "done"
    desk.show(body, say(f"Approved: {words}."))


@click.command("kill-confirm")
@second_factor
@command
def kill_confirm(desk: Desk, approve_token: str, otp: str) -> None:
    """Approve the kill switch that another operator asked for."""
    _confirmed(desk, "/api/ui/kill-confirm", _factors(approve_token, otp))


@click.command("cancel-all-confirm")
@second_factor
@command
def cancel_all_confirm(desk: Desk, approve_token: str, otp: str) -> None:
    """Approve the cancel-all that another operator asked for."""
    _confirmed(desk, "/api/ui/cancel-all/confirm", _factors(approve_token, otp))


@click.command()
@click.argument("strategy")
@click.argument("reason")
@command
def unfreeze(desk: Desk, strategy: str, reason: str) -> None:
    """Ask to unfreeze a strategy."""
    body = desk.http.post("/api/ui/unfreeze-strategy", {"strategy": strategy, "reason": reason})
    desk.show(body, say(f"Asked for {strategy}: awaiting second confirmation."))


@click.command("unfreeze-confirm")
@click.argument("strategy")
@second_factor
@command
def unfreeze_confirm(desk: Desk, strategy: str, approve_token: str, otp: str) -> None:
    """Approve the unfreezing that another operator asked for."""
    _confirmed(desk, "/api/ui/unfreeze-strategy/confirm", _factors(approve_token, otp), strategy=strategy)


def _value(text: str) -> Any:
    return {"true": True, "on": True, "false": False, "off": False}.get(text.lower(), text)


@click.command()
@click.argument("settings", nargs=-1, required=True, metavar="NAME=VALUE...")
@click.option("--reason", default="", help="Why; shown to whoever approves.")
@command
def control(desk: Desk, settings: tuple[str, ...], reason: str) -> None:
    """Change control: safe_mode=off, dry_run_mode=off, auto_hedge_enabled=on, order_notional_usdt=300, ..."""
    if any("=" not in item for item in settings):
        raise click.UsageError("write NAME=VALUE")
    changes = {name: _value(value) for name, _, value in (item.partition("=") for item in settings)}
    body = desk.http.patch("/api/ui/control", {**changes, "reason": reason})
    pending = body.get("requests", [])
    words = [f"asked: {row['sentence']} ({row['request_id']})" for row in pending] or ["Done."]
    desk.show(body, say("\n".join(words)))


@click.command("raise-limit")
@click.argument("name")
@click.argument("value")
@click.argument("reason")
@command
def raise_limit(desk: Desk, name: str, value: str, reason: str) -> None:
    """Ask to raise a limit (a lower value takes effect at once)."""
    body = desk.http.post("/api/ui/limits", {"name": name, "value": value, "reason": reason})
    desk.show(body, _pending(body) if "request_id" in body else say(f"{body['name']} is {body['value']}."))


@click.command()
@click.argument("hedge", metavar="HEDGE|all")
@click.option("--how", type=click.Choice(["close", "flatten", "complete"]), default="close", show_default=True)
@click.option("--reason", default="")
@command
def close(desk: Desk, hedge: str, how: str, reason: str) -> None:
    """Close a hedge, or all of them, reduce-only."""
    path = "/api/ui/close_exposure" if hedge == "all" else f"/api/ui/positions/{hedge}/{how}"
    body = desk.http.post(path, {"reason": reason})
    desk.show(body, say(f"{hedge}: {body.get('status', 'done')}."))


def _sealed_codes() -> list[str]:
    """Asked for, or read from a pipe, one a line; never an argument: shells keep a history."""
    if sys.stdin.isatty():
        return [getpass(f"Code {number}: ") for number in (1, 2)]
    return [line.strip() for line in sys.stdin if line.strip()]


@click.command("break-glass")
@click.argument("action", type=click.Choice(["hold", "cancel_all", "close_all"]))
@click.argument("reason")
@command
def break_glass(desk: Desk, action: str, reason: str) -> None:
    """Stop and reduce with two sealed codes, when no approver can be reached. Everybody is told."""
    codes = _sealed_codes()
    if len(codes) < CODES_NEEDED:
        raise click.UsageError("two sealed codes are needed, one a line")
    body = desk.http.post("/api/ui/break-glass", {"action": action, "codes": codes, "reason": reason})
    lines = [f"{step}: {'done' if told['done'] else told['detail']}" for step, told in body["steps"].items()]
    desk.show(body, say("\n".join([f"Envelopes {', '.join(map(str, body['envelopes']))} are open.", *lines])))
    if not body["success"]:
        raise DeskError(500, "step_failed", "not every step was done; run manage.py panic where the trader is")


@click.command()
@command
def envelopes(desk: Desk) -> None:
    """The break-glass codes of the newest set: sealed, open or spent. Never a code."""
    columns = ("number", "state", "opened_at")
    body = desk.http.get("/api/ui/break-glass")
    desk.show(body, lambda s: table("Envelopes", columns, ([row[c] for c in columns] for row in s["envelopes"])))


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script: eval "$(propbotctl completion bash)"."""
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(found(main, {}, PROGRAM, f"_{PROGRAM.upper()}_COMPLETE").source())


COMMANDS = (
    kill_confirm,
    cancel_all_confirm,
    unfreeze,
    unfreeze_confirm,
    control,
    raise_limit,
    close,
    break_glass,
    envelopes,
    completion,
)
