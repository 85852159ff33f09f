"""A process that has loaded a trader once and forks one for every test that needs it as a process of its own.

It answers the requests of ``tools.chaos.zygote``. A job: ``action`` (open, quote, close, recover), ``data_dir``,
``epoch``, ``crash_at`` (a crash point, or empty), or ``harm`` (freeze, files, memory, disk) ``at`` a crash point.
"""

import os
import subprocess
import sys
import traceback
from pathlib import Path

import django

from tools.chaos.zygote import Forker, Job, serve

ROOT = Path(__file__).resolve().parents[2]


class Nursery(Forker):
    """The tests' side, for one database and one simulator."""

    def __init__(self, *, database_url: str, simulator_url: str) -> None:
        # Reading it forgets the settings of the process: never in the nursery's own.
        from tests.environment import SECRETS

        environment = {
            **SECRETS,
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "propbot.settings",
            "PROFILE": "simulator",
            "DRY_RUN_ONLY": "false",
            "SIMULATOR_URL": simulator_url,
            "DATABASE_URL": database_url,
            "REDIS_URL": os.environ["REDIS_URL"],
            "ORPHAN_MAX_SEC": "3",
            "RELIABILITY_TIME_DIVISOR": "50",
            "MAX_QUOTE_AGE_MS": "10000",
        }
        command, pipe = [sys.executable, "-m", "tests.engine.nursery"], subprocess.PIPE
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, text=True)
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the nursery has no pipe")
        super().__init__(process.pid, process.stdin, process.stdout)
        process.returncode = 0  # close() waits for it


def perform(job: Job) -> int:
    """One trader's whole life; 3 and a traceback in the log when it ends as no one expected."""
    from django.test import override_settings

    from propbot.config import values
    from tests.engine import crash_child, faulty_child

    os.environ.update(ENGINE_EPOCH=str(job["epoch"]), PROPBOT_CRASH_AT=job.get("crash_at", ""))
    with override_settings(PROPBOT=values().replace(DATA_DIR=job["data_dir"]), DATA_DIR=Path(job["data_dir"])):
        try:
            if job.get("harm"):
                faulty_child.harm_at(job["at"], faulty_child.HARM[job["harm"]])
                faulty_child.single()
            else:
                crash_child.run(job["action"])
        except BaseException:  # noqa: BLE001 - the log is where a test reads what no one expected
            traceback.print_exc()
            return 3
    return 0


def _load() -> None:
    django.setup()
    from tests.engine import crash_child, faulty_child  # noqa: F401 - both are for the forks
    from trading.venues.wire import exchange_class

    for name in ("binanceusdm", "okx"):
        exchange_class(name, streaming=False)


if __name__ == "__main__":
    _load()
    sys.exit(serve(sys.stdin, sys.stdout, perform))
