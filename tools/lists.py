"""The lists of the documents, written from the code by ``python -m tools.lists``: commands, endpoints, models."""

import os
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from tools import model_pages

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PACKAGES = ("propbot", "trading", "risk", "approvals", "audit")
PARAMETER = re.compile(r"<(?:[a-z]+:)?([a-z_]+)>")
METHODS = ("get", "post", "patch", "delete")
HTML_PAGES = {
    "/docs": "the description, to browse",
    "/ui/dashboard": "the dashboard",
    "/ui/dashboard/sections": "the fragment from which the dashboard renews itself",
    "/ui/hedges": "the hedges, newest first",
    "/ui/hedges/{hedge_id}": "one hedge's life",
    "/ui/login": "sign in",
    "/ui/logout": "sign out",
    "/livez": "the process answers",
    "/healthz": "`ok`, or 503 with what is dead",
    "/health": "the same as `/healthz`",
    "/metrics": "Prometheus text; loopback and private addresses only",
}


def management_commands() -> dict[str, str]:
    """Name and help of each of our own commands."""
    files = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("management/commands/*.py"))
    named = {path.stem: ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files}
    return {
        name: import_module(module).Command.help for name, module in sorted(named.items()) if not name.startswith("_")
    }


def cli_commands(group: Any = None, prefix: str = "") -> dict[str, str]:
    """Every command of propbotctl, groups included, with the first line of its help."""
    import click

    from propbot.console.cli import main

    found: dict[str, str] = {}
    for name, command in sorted((group or main).commands.items()):
        found[prefix + name] = (command.help or command.short_help or "").strip().partition("\n")[0]
        if isinstance(command, click.Group):
            found |= cli_commands(command, f"{prefix}{name} ")
    return found


def telegram_commands() -> dict[str, str]:
    from propbot.console.telegram.answering import COMMANDS

    return {f"/{name}": command.help for name, command in COMMANDS.items()}


def routes() -> dict[str, Any]:
    """Each path of the product with its view; the admin's own pages and the front door left out."""
    from django.urls import get_resolver

    found = {"/" + PARAMETER.sub(r"{\1}", path): view for path, view in _walk(get_resolver(), "")}
    return {path: found[path] for path in sorted(found) if path not in ("/", "/favicon.ico")}


def _walk(resolver: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for item in resolver.url_patterns:
        here = prefix + str(item.pattern)
        if here.startswith(("admin/", "static")):
            continue
        if hasattr(item, "url_patterns"):
            yield from _walk(item, here)
        else:
            yield here, item.callback


def _endpoint_row(path: str, view: Any) -> str:
    made = getattr(view, "view_class", None) or getattr(view, "cls", None)
    if made is None or not hasattr(made, "allowed_roles"):
        return f"| `{path}` | GET | {'public' if path in PUBLIC else 'session or token'} | {HTML_PAGES.get(path, '')} |"
    methods = [method.upper() for method in METHODS if hasattr(made, method)]
    who = "; ".join(f"{method}: {_roles(made, method)}" for method in methods)
    return f"| `{path}` | {', '.join(methods)} | {who} | {_sentence(made)} |"


PUBLIC = ("/livez", "/healthz", "/health", "/metrics", "/ui/login")


def _roles(view: Any, method: str) -> str:
    return ", ".join(sorted(role.value for role in view.allowed_roles(method)))


def _sentence(view: Any) -> str:
    text = (view.__dict__.get("__doc__") or "").strip().partition("\n")[0]
    return text.replace("|", "\\|")


def _table(title: str, heads: tuple[str, str], rows: dict[str, str]) -> list[str]:
    lines = [f"| `{name}` | {' '.join(text.split()).replace('|', chr(92) + '|')} |" for name, text in rows.items()]
    return [f"## {title}", "", f"| {heads[0]} | {heads[1]} |", "| --- | --- |", *lines, ""]


def commands_page() -> str:
    return "\n".join(
        [
            "# Commands",
            "",
            "Made by `python -m tools.lists` from the code; a test compares them.",
            "",
            *_table("Management commands", ("manage.py", "does"), management_commands()),
            *_table("propbotctl", ("propbotctl", "does"), cli_commands()),
            *_table("Telegram", ("in the chat", "does"), telegram_commands()),
        ]
    )


def endpoints_page() -> str:
    rows = [_endpoint_row(path, view) for path, view in routes().items()]
    rows.append(
        "| `/ws/status` | WebSocket | operator, auditor, viewer | the live feed: snapshot, changes, heartbeat |"
    )
    head = ["| path | methods | who | what |", "| --- | --- | --- | --- |"]
    intro = (
        "Made by `python -m tools.lists` from the routes; a test compares them. [api.md](api.md) says how to call them."
    )
    return "\n".join(["# Endpoints", "", intro, "", *head, *rows, ""])


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "propbot.settings")
    import django

    django.setup()
    (DOCS / "commands.md").write_text(commands_page(), encoding="utf-8")
    (DOCS / "endpoints.md").write_text(endpoints_page(), encoding="utf-8")
    (DOCS / "models").mkdir(exist_ok=True)
    for name, text in model_pages.pages().items():
        (DOCS / "models" / name).write_text(text, encoding="utf-8")
    sys.stdout.write("docs/commands.md\ndocs/endpoints.md\ndocs/models/\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
