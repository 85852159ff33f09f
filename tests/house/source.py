"""The project's own source, as the house rules read it."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("propbot", "trading", "risk", "approvals", "audit")


@cache
def python_files(*folders: str) -> tuple[Path, ...]:
    """Python files below the folders, migrations left out."""
    found = (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")))
    return tuple(path for path in found if "migrations" not in path.parts and "__pycache__" not in path.parts)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def nodes(paths: tuple[Path, ...]) -> Iterator[tuple[Path, ast.AST]]:
    for path in paths:
        for node in ast.walk(tree(path)):
            yield path, node


def place(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"


def called_name(node: ast.AST) -> str:
    """``time.sleep`` for ``time.sleep(1)``; empty for what is no call of a dotted name."""
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""
