"""``python -m tools.soak``: hours of trading, one fault a minute, no promise broken and no memory lost.

The desk is a whole one as ``make run`` starts it, with its own PostgreSQL, Valkey, ports and data below a temporary
folder. Exit code 1 when a promise was broken or a process grew.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from propbot.supervisor import embedded, files
from tests.acceptance.desk import Desk, free_port_block, start_desk, stop_desk
from tools.chaos import desks
from tools.reports import ROOT, Result, show, write_report
from tools.soak.drift import drifts
from tools.soak.judge import Judge, counted, secrets_in
from tools.soak.memory import Scales
from tools.soak.operators import Operators
from tools.soak.results import results
from tools.soak.rounds import Rounds, Tale, Violation, log_to, now_text

SEED = 20261122
SETTINGS = {**desks.SETTINGS, "SIMULATOR_OPTIONS": "--dislocate-every 10"}
SECRETS = ("SECRET_KEY", "APPROVE_TOKEN", "AUDIT_HMAC_KEY", "AUDIT_SIGNING_KEY", "SECRETS_ENC_KEY")


def options_of(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="how long; one fault a minute")
    parser.add_argument("--seed", type=int, default=SEED, help="which faults, in which order")
    parser.add_argument("--port", type=int, default=0, help="the first of ten free ports; 0 looks for them")
    parser.add_argument("--keep", action="store_true", help="leave the desk's data behind")
    parser.add_argument("--no-report", action="store_true", help="write no docs/reports/soak.json")
    options = parser.parse_args(words)
    if options.minutes <= 0:
        parser.error("--minutes must be more than 0")
    return options


@contextmanager
def running(folder: Path, port: int) -> Iterator[Desk]:
    desk = start_desk(folder / "data", port or free_port_block(), **SETTINGS)
    try:
        yield desk
    finally:
        stop_desk(desk)


def django_ready(data_dir: Path) -> dict[str, str]:
    """Django in this process, on the desk's database; the desk's own secrets."""
    for name in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(name, None)
    os.environ.update(DATA_DIR=str(data_dir), DJANGO_SETTINGS_MODULE="propbot.settings")
    files.load_running_desk(os.environ, ROOT)
    import django

    django.setup()
    return files.read_env_file(data_dir / files.SECRETS_FILE)


def soak(desk: Desk, options: argparse.Namespace, folder: Path) -> list[Result]:
    if desk.process is None:
        raise RuntimeError("the desk has no process")
    secrets = django_ready(desk.data_dir)
    operators, scales = Operators(desk.accounts), Scales(desk.process.pid)
    rounds = Rounds(
        supervisor=desk.process.pid,
        operators=operators,
        judge=Judge(operators.simulator),
        seed=options.seed,
        say=log_to(folder / "soak.log"),
    )
    scales.start()
    began = time.monotonic()
    try:
        tale = rounds.run(options.minutes)
    finally:
        scales.stop()
        operators.close()
    minutes = (time.monotonic() - began) / 60
    tale.counted = counted()
    _look_for_secrets(tale, desk, [secrets[name] for name in SECRETS])
    return results(tale, drifts(scales.samples), minutes=minutes)


def _look_for_secrets(tale: Tale, desk: Desk, secrets: list[str]) -> None:
    for sentence in secrets_in(desk.data_dir / "logs", secrets):
        tale.violations.append(Violation(now_text(), tale.struck[-1] if tale.struck else "", sentence))


def main() -> int:
    options = options_of(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="propbot-soak-"))
    folder.chmod(0o755)  # PostgreSQL's own user walks through
    try:
        with running(folder, options.port) as desk:
            rows = soak(desk, options, folder)
        show(rows)
        if not options.no_report:
            command = "make soak" if options.minutes == 60 else f"make soak SOAK='--minutes {options.minutes:g}'"
            write_report("soak", rows, command=command, seed=options.seed)
    finally:
        if options.keep:
            sys.stdout.write(f"kept: {folder}\n")
        else:
            embedded.remove(folder / "data")
            shutil.rmtree(folder, ignore_errors=True)
    return int(any(row.ok is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
