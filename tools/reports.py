"""Measured figures as files, and the one page made of them.

Every measuring command writes ``docs/reports/<name>.json``; ``python -m tools.reports`` makes ``docs/reliability.md``
of all of them. A figure whose commit is not the code of today is marked as older than the code.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REPORTS = ROOT / "docs" / "reports"
PAGE = ROOT / "docs" / "reliability.md"
CODE = ("*.py", "*.html", "*.js", "requirements*.txt")


@dataclass(frozen=True)
class Result:
    """One figure. ``target`` is the bound in words ("<= 1.3"), empty when there is none; ``ok`` None: no target."""

    name: str
    value: float | int | str
    unit: str = ""
    target: str = ""
    ok: bool | None = None


def at_most(name: str, value: float, unit: str, bound: float) -> Result:
    return Result(name, round(value, 4), unit, f"<= {bound:g}", value <= bound)


def exactly(name: str, value: int, unit: str, wanted: int) -> Result:
    return Result(name, value, unit, f"= {wanted}", value == wanted)


def measured(name: str, value: float, unit: str) -> Result:
    return Result(name, round(value, 4), unit)


def show(results: Sequence[Result]) -> None:
    """A line each, for whoever waits at the terminal."""
    width = max((len(one.name) for one in results), default=0)
    for one in results:
        verdict = {True: "met", False: "MISSED", None: ""}[one.ok]
        sys.stdout.write(
            f"{one.name:{width}} {one.value!s:>14} {one.unit:12} {one.target:10} {verdict}".rstrip() + "\n"
        )
    sys.stdout.flush()


def _git(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603, S607


def current_commit() -> str:
    """The commit measured; ``+changes`` when the code on disk differs from it."""
    commit = _git("rev-parse", "--short=12", "HEAD").stdout.strip() or "unknown"
    return commit if _git("diff", "--quiet", "HEAD", "--", *CODE).returncode == 0 else f"{commit}+changes"


def code_changed_since(commit: str) -> bool:
    """Whether any code differs between ``commit`` and the checkout; an unknown commit counts as changed."""
    return commit.endswith("+changes") or _git("diff", "--quiet", commit, "--", *CODE).returncode != 0


def write_report(name: str, results: Sequence[Result], *, command: str, seed: int | None = None) -> Path:
    """Write one report; raises OSError when it cannot, and never leaves half of it."""
    body = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": current_commit(),
        "seed": seed,
        "command": command,
        "results": [asdict(result) for result in results],
    }
    REPORTS.mkdir(parents=True, exist_ok=True)
    path, draft = REPORTS / f"{name}.json", REPORTS / f".{name}.json.new"
    draft.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
    draft.replace(path)
    return path


def read_reports(folder: Path) -> dict[str, dict[str, object]]:
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}


def _row(result: dict[str, object]) -> str:
    verdict = {True: "met", False: "**missed**", None: "no target"}[result["ok"]]  # type: ignore[index]
    return f"| {result['name']} | {result['value']} | {result['unit']} | {result['target']} | {verdict} |"


def _section(name: str, report: dict[str, object], is_old: Callable[[str], bool]) -> list[str]:
    commit = str(report["commit"])
    age = " (older than the code of today)" if is_old(commit) else ""
    results: list[dict[str, object]] = report["results"]  # type: ignore[assignment]
    return [
        f"## {name}",
        "",
        f"`{report['command']}`, {report['date']}, commit `{commit}`{age}, seed {report['seed']}.",
        "",
        "| figure | value | unit | target | |",
        "| --- | --- | --- | --- | --- |",
        *map(_row, results),
        "",
    ]


def render(reports: dict[str, dict[str, object]], is_old: Callable[[str], bool]) -> str:
    lines = [
        "# What was measured",
        "",
        "Made by `python -m tools.reports` from `docs/reports/*.json`; every figure names the command that repeats it.",
        "",
    ]
    for name, report in reports.items():
        lines += _section(name, report, is_old)
    return "\n".join(lines)


def main() -> int:
    PAGE.write_text(render(read_reports(REPORTS), code_changed_since), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
