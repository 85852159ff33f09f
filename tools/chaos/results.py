"""What a run has shown: one line per case, and the failing seeds kept as regressions."""

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
REGRESSIONS = ROOT / "tests" / "chaos" / "regressions.json"


@dataclass(frozen=True)
class CaseRun:
    """One execution of one case. ``injected``: the fault really struck; ``violations``: the oracle's sentences."""

    group: str
    case: str
    seed: int
    injected: bool
    violations: tuple[str, ...] = ()


@dataclass
class Tally:
    """All executions of one case."""

    group: str
    case: str
    runs: int = 0
    injected: int = 0
    survived: int = 0
    violations: int = 0
    seeds: list[int] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)

    def add(self, run: CaseRun) -> None:
        self.runs += 1
        self.injected += run.injected
        self.survived += not run.violations
        self.violations += len(run.violations)
        if run.violations:
            self.seeds.append(run.seed)
            self.sentences += [f"seed {run.seed}: {one}" for one in run.violations]


class Ledger:
    """Collects runs, prints failures at once, and the table at the end."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.tallies: dict[tuple[str, str], Tally] = {}
        self.figures: dict[str, float] = {}
        self.again: dict[tuple[str, str], list[int]] = {}

    def add(self, run: CaseRun) -> None:
        self.tallies.setdefault((run.group, run.case), Tally(run.group, run.case)).add(run)
        for sentence in run.violations:
            say(f"VIOLATION {run.group} / {run.case} / seed {run.seed}: {sentence}")

    def save(self) -> None:
        if self.path is not None:
            self.dump(self.path)

    def dump(self, path: Path) -> None:
        rows = [asdict(tally) for tally in self.tallies.values()]
        draft = path.with_suffix(".new")
        draft.write_text(json.dumps({"tallies": rows, "figures": self.figures}), encoding="utf-8")
        draft.replace(path)

    def load(self, path: Path) -> None:
        found = json.loads(path.read_text(encoding="utf-8"))
        self.figures |= found["figures"]
        for row in found["tallies"]:
            self.tallies[row["group"], row["case"]] = Tally(**row)

    def resume(self) -> None:
        """Take up what an earlier run has left; seeds that failed are run again, after what failed was mended."""
        if self.path is None or not self.path.exists():
            return
        self.load(self.path)
        for key, one in self.tallies.items():
            self.again[key] = sorted(set(one.seeds))
            failed = len(self.again[key])
            one.runs, one.injected, one.violations = one.runs - failed, one.injected - failed, 0
            one.seeds, one.sentences = [], []

    def seeds(self, group: str, case: str, last: int, first: int = 1) -> list[int]:
        """The seeds of a case that are still to be run: they are run in order, so a count tells which were."""
        found, again = self.tallies.get((group, case)), self.again.get((group, case), [])
        done = found.runs + len(again) if found else 0
        return [*again, *range(first + done, last + 1)]

    def group(self, name: str) -> list[Tally]:
        return [tally for tally in self.tallies.values() if tally.group == name]


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def table(tallies: Iterable[Tally]) -> str:
    """case, injected, survived, violations, seed."""
    head = ("case", "runs", "injected", "survived", "violations", "failing seeds")
    rows = [
        (
            f"{one.group}: {one.case}",
            str(one.runs),
            str(one.injected),
            str(one.survived),
            str(one.violations),
            ",".join(map(str, one.seeds[:8])) or "-",
        )
        for one in tallies
    ]
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in [head, *rows]]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def regressions() -> list[dict[str, Any]]:
    return list(json.loads(REGRESSIONS.read_text(encoding="utf-8"))) if REGRESSIONS.exists() else []


def keep(tallies: Iterable[Tally]) -> int:
    """Write failing seeds beside those that are known; how many are new."""
    known = regressions()
    names = {(row["group"], row["case"], row["seed"]) for row in known}
    found = [
        {"group": one.group, "case": one.case, "seed": seed, "said": next(s for s in one.sentences)[:200]}
        for one in tallies
        for seed in one.seeds
        if one.group in ("crashes", "episodes") and (one.group, one.case, seed) not in names
    ]
    if found:
        REGRESSIONS.write_text(json.dumps(known + found, indent=1) + "\n", encoding="utf-8")
    return len(found)
