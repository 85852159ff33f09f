"""A quick subset of ``make chaos``, and every seed that ever failed, in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from tools.chaos.results import regressions

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.timeout(600), pytest.mark.django_db]


def chaos(*words: str) -> str:
    """The harness' output; the addresses are those of this test's PostgreSQL and Redis."""
    database = settings.DATABASES["default"]
    url = f"postgres://{database['USER']}@{database['HOST']}:{database['PORT']}/postgres"
    environment = {"PATH": os.environ["PATH"], "DATABASE_URL": url, "REDIS_URL": settings.REDIS_URL}
    command = [sys.executable, "-m", "tools.chaos", "--no-report", *words]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_a_quick_run_injects_and_finds_nothing() -> None:
    lines = [line.split() for line in chaos("--quick", "--only", "crashes,episodes,holds").splitlines()]
    struck = {" ".join(words[:-5]): int(words[-4]) for words in lines if words and words[0] in GROUPS}
    assert struck
    assert {name for name, count in struck.items() if not count} == set()


GROUPS = ("crashes:", "episodes:", "holds:")


@pytest.mark.skipif(not regressions(), reason="no seed has failed")
def test_every_seed_that_failed_once_passes_now() -> None:
    chaos("--replay", "--only", ",".join({str(row["group"]) for row in regressions()}))
