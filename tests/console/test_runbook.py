"""Each alert that the code can raise has an entry in the runbook, and the runbook invents none."""

import ast
import re
from collections.abc import Iterator

from tests.house.source import PACKAGES, ROOT

HEADING = re.compile(r"^### ([a-z_]+)$", re.MULTILINE)
# Kinds that are put together while running: the code that makes them, and what they can become.
COMPOSED = {"margin_{decision.level}": {"margin_stop", "margin_alarm", "margin_reduce"}}


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in ("alert", "_tell"):
                yield node


def kinds_of(node: ast.Call) -> set[str]:
    value = next((word.value for word in node.keywords if word.arg == "kind"), None)
    if value is None and len(node.args) > 1:
        value = node.args[1]  # trading's _tell(hedge, kind, ...)
    if isinstance(value, ast.Constant):
        return {str(value.value)}
    if isinstance(value, ast.JoinedStr):
        return COMPOSED[ast.unparse(value)[2:-1]]
    return set()


def raised() -> set[str]:
    found: set[str] = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in calls(ast.parse(path.read_text(encoding="utf-8"))):
                found |= kinds_of(node)
    return found


def test_every_alert_has_an_entry_in_the_runbook() -> None:
    entries = set(HEADING.findall((ROOT / "docs" / "OPERATOR_RUNBOOK.md").read_text(encoding="utf-8")))
    assert sorted(raised() - entries) == []
    assert len(raised()) > 20
