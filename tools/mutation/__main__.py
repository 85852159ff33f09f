"""``python -m tools.mutation``: how many mutants of the risk rules do their fast tests notice?

Each mutant runs in a fork of one warm process that has pytest and Django's fields loaded but none of the rules. A
mutant that makes the tests hang is noticed too. Writes ``docs/reports/mutation.json``; fails below the bound.
"""

import argparse
import importlib.abc
import importlib.util
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import hypothesis
import pytest

from tools import reports
from tools.mutation.mutants import Mutant, mutants

BOUND = 0.85
SECONDS = 20
TESTS = Path("tests/risk")
SUBJECTS: dict[str, tuple[str, ...]] = {
    "risk.gate": ("test_gate.py",),
    "risk.governor": ("test_governor_rules.py",),
    "risk.margin": ("test_governor_rules.py",),
    "risk.throttle": ("test_governor_rules.py",),
    "risk.budgets": ("test_budget_rules.py",),
    "risk.collars": ("test_collar_rules.py",),
    "risk.limits": ("test_limit_rules.py", "test_gate.py", "test_governor_rules.py"),
}
# Loaded once, before the forks; nothing of these depends on the rules.
WARM = (
    "django.db.models",
    "propbot.clock",
    "risk.intents",
    "risk.choices",
    "hypothesis.strategies",
    "_pytest.assertion",
)
SETTINGS = Path(__file__).with_name("pytest.ini")


class _Wrong(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Answers the import of one module with the mutant's code."""

    def __init__(self, name: str, code: str) -> None:
        self.name, self.code = name, code

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return importlib.util.spec_from_loader(fullname, self) if fullname == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.code, self.name, "exec"), module.__dict__)  # noqa: S102 - our own source, one sign changed


def _tests_notice(module: str, code: str) -> int:
    """In the child: pytest's exit code, 1 for a mutant that does not even load."""
    sys.meta_path.insert(0, _Wrong(module, code))
    files = [str(TESTS / name) for name in SUBJECTS[module]]
    return int(pytest.main(["-x", "-q", "-c", str(SETTINGS), "--rootdir", ".", "--noconftest", *files]))


def _wait(pid: int, seconds: float) -> int:
    """Exit code of the child; one that hangs is killed and counts as noticed."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return -9


def run(module: str, code: str, *, seconds: float = SECONDS, quiet: bool = True) -> bool:
    """Whether the tests fail under this code."""
    pid = os.fork()
    if pid == 0:
        try:
            if quiet:
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, 1)
                os.dup2(nowhere, 2)
            os._exit(_tests_notice(module, code))
        finally:
            os._exit(1)
    return _wait(pid, seconds) != 0


@dataclass
class Score:
    made: int = 0
    killed: int = 0

    @property
    def share(self) -> float:
        return self.killed / self.made if self.made else 0.0


def source_of(module: str) -> str:
    return Path(*module.split(".")).with_suffix(".py").read_text(encoding="utf-8")


def judge(module: str, *, shown: bool) -> Score:
    """All mutants of one module. Raises RuntimeError when its tests fail without any mutant."""
    source, score = source_of(module), Score()
    if run(module, source, seconds=60, quiet=False):
        raise RuntimeError(f"the tests of {module} fail as they are")
    for mutant in mutants(source):
        noticed = run(module, mutant.code)
        score.made += 1
        score.killed += noticed
        if shown and not noticed:
            _tell(f"  survived {module}:{_where(mutant)}")
    _tell(f"{module}: {score.killed} of {score.made} killed ({score.share:.1%})")
    return score


def _where(mutant: Mutant) -> str:
    return f"{mutant.line}: {mutant.change}"


def _tell(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _prepare() -> None:
    for name in WARM:
        importlib.import_module(name)
    profile = hypothesis.settings(max_examples=25, database=None, derandomize=True, deadline=None)
    hypothesis.settings.register_profile("mutation", profile)
    hypothesis.settings.load_profile("mutation")
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    pytest.main(["-q", "-c", str(SETTINGS), "--rootdir", ".", "--noconftest", "--collect-only", str(Path(__file__))])


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.mutation")
    parser.add_argument("modules", nargs="*", choices=[[], *SUBJECTS], help="only these (no report is written)")
    chosen = parser.parse_args(arguments).modules
    _prepare()
    began = time.monotonic()
    scores = {module: judge(module, shown=True) for module in chosen or SUBJECTS}
    total = Score(sum(one.made for one in scores.values()), sum(one.killed for one in scores.values()))
    _tell(f"all: {total.killed} of {total.made} killed ({total.share:.1%}) in {time.monotonic() - began:.0f} s")
    if not chosen:
        _report(scores, total, time.monotonic() - began)
    return 0 if total.share >= BOUND else 1


def _report(scores: dict[str, Score], total: Score, seconds: float) -> None:
    results = [reports.Result(f"{name}: killed", round(one.share, 4), "share") for name, one in scores.items()]
    results.append(
        reports.Result("all: killed", round(total.share, 4), "share", f">= {BOUND:g}", ok=total.share >= BOUND)
    )
    results.append(reports.measured("mutants", total.made, ""))
    results.append(reports.measured("run", seconds, "s"))
    reports.write_report("mutation", results, command="make mutation")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
