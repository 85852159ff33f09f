"""What a run has shown: one line per case, and the failing seeds kept as regressions."""

import json
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

ROOT = Path(__file__).resolve().parents[2]
REGRESSIONS = ROOT / "tests" / "chaos" / "regressions.json"
RACES_PER_CASE = 10
RACES, LATE = f"{RACES_PER_CASE} races of HOLD", "accepted after HOLD had answered"
LONGEST = frozenset({"frozen_seconds", "hold_race_p50_seconds", "hold_race_p99_seconds"})


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

    def join(self, other: "Tally") -> None:
        """Add what another process has counted of the same case."""
        self.runs += other.runs
        self.injected += other.injected
        self.survived += other.survived
        self.violations += other.violations
        self.seeds += other.seeds
        self.sentences += other.sentences

    def add(self, run: CaseRun) -> None:
        self.runs += 1
        self.injected += run.injected
        self.survived += not run.violations
        self.violations += len(run.violations)
        if run.violations:
            self.seeds.append(run.seed)
            self.sentences += [f"seed {run.seed}: {one}" for one in run.violations]


class Ledger:
    """Collects runs, prints failures at once, and the table at the end. ``part`` of ``parts`` processes of a group."""

    def __init__(self, path: Path | None = None, *, part: int = 0, parts: int = 1) -> None:
        self.path = path
        self.part, self.parts = part, parts
        self.tallies: dict[tuple[str, str], Tally] = {}
        self.figures: dict[str, float] = {}
        self.commits: set[str] = set()
        self.again: dict[tuple[str, str], list[int]] = {}
        self._saved = float("-inf")

    def add(self, run: CaseRun) -> None:
        self.tallies.setdefault((run.group, run.case), Tally(run.group, run.case)).add(run)
        for sentence in run.violations:
            say(f"VIOLATION {run.group} / {run.case} / seed {run.seed}: {sentence}")

    def save(self, *, at_most_every: float = 0) -> None:
        if self.path is not None and time.monotonic() - self._saved >= at_most_every:
            self.dump(self.path)
            self._saved = time.monotonic()

    def dump(self, path: Path) -> None:
        rows = [asdict(tally) for tally in self.tallies.values()]
        body = {"tallies": rows, "figures": self.figures, "commits": sorted(self.commits), "parts": self.parts}
        draft = path.with_name(f"{path.name}.new")
        draft.write_text(json.dumps(body), encoding="utf-8")
        draft.replace(path)

    def load(self, path: Path) -> None:
        """Add what another process has counted. A longest time stays the longest; everything else is a sum."""
        found = json.loads(path.read_text(encoding="utf-8"))
        for name, value in found["figures"].items():
            known = self.figures.get(name, 0)
            self.figures[name] = max(known, value) if name in LONGEST else round(known + value, 4)
        for row in found["tallies"]:
            self.tallies.setdefault((row["group"], row["case"]), Tally(row["group"], row["case"])).join(Tally(**row))
        self.commits |= set(found["commits"])

    def resume(self) -> None:
        """Take up what an earlier run has left; seeds that failed are run again, after what failed was mended."""
        if self.path is None or not self.path.exists():
            return
        counted = json.loads(self.path.read_text(encoding="utf-8"))["parts"]
        if counted != self.parts:
            raise ValueError(f"{self.path} was counted in {counted} parts, not in {self.parts}")
        self.load(self.path)
        for key, one in self.tallies.items():
            self.again[key] = sorted(set(one.seeds))
            failed = len(self.again[key])
            one.runs, one.injected, one.violations = one.runs - failed, one.injected - failed, 0
            one.seeds, one.sentences = [], []

    def seeds(self, group: str, case: str, last: int, first: int = 1) -> list[int]:
        """This part's seeds of a case that are still to be run: they are run in order, so a count tells which were.

        The parts take turns case by case, so that together they soon have seen every case."""
        found, again = self.tallies.get((group, case)), self.again.get((group, case), [])
        done = found.runs + len(again) if found else 0
        turn = crc32(case.encode())
        mine = [seed for seed in range(first, last + 1) if (seed + turn) % self.parts == self.part]
        return [*again, *mine[done:]]

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
        {
            "group": one.group,
            "case": one.case,
            "seed": seed,
            "said": next(s for s in one.sentences if s.startswith(f"seed {seed}:"))[:200],
        }
        for one in tallies
        for seed in one.seeds
        if one.group in ("crashes", "episodes") and (one.group, one.case, seed) not in names
    ]
    if found:
        REGRESSIONS.write_text(json.dumps(known + found, indent=1) + "\n", encoding="utf-8")
    return len(found)
