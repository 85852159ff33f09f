"""``python -m propbot.supervisor``: run the whole desk until it is told to stop."""

import argparse
import ctypes
import os
import signal
import sys
import time
from pathlib import Path

from propbot.supervisor import files
from propbot.supervisor.desk import EXIT_CONFIG, Desk, StartFailedError, StopRequested, listen_for_stop, parent_is, say
from propbot.supervisor.launch import PR_SET_PDEATHSIG
from propbot.supervisor.plan import DeskPlan, PlanError, read_plan

ROOT = Path(__file__).resolve().parent.parent.parent

BANNER = """
PropBot is up after {seconds:.0f} s. The desk is in HOLD, SAFE_MODE and dry run: nothing trades yet.

  dashboard   {base_url}/ui/dashboard
  admin       {base_url}/admin/
  API         {base_url}/docs
  Flower      {flower_url}
{simulator}  accounts    {demo_file}
  logs        {logs}

Next:
  1. Sign in at the dashboard as alice; her password stands in the accounts file.
  2. In another terminal: make walkthrough{variables} (both operators start the desk and trade one hedge).
  3. Read docs/OPERATOR_RUNBOOK.md. Ctrl-C here stops everything; the data stays in {data_dir}.
"""


def banner(plan: DeskPlan, seconds: float) -> str:
    variables = "" if plan.data_dir == ROOT / "data" else f" DATA_DIR={plan.data_dir}"
    simulator = f"  simulator   {plan.simulator_url}/control/state\n" if plan.simulated else ""
    return BANNER.format(
        seconds=seconds,
        base_url=plan.base_url,
        flower_url=plan.flower_url,
        simulator=simulator,
        demo_file=plan.data_dir / files.DEMO_FILE,
        logs=plan.data_dir / "logs",
        variables=variables,
        data_dir=plan.data_dir,
    )


def follow_parent(parent: int | None) -> None:
    """End with ``make``, even when it is killed: its recipe would otherwise go on without it."""
    if parent is None:
        return
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if not parent_is(parent):
        sys.exit("propbot: the starting process is gone")


def run(desk: Desk) -> int:
    began = time.monotonic()
    try:
        desk.start_all()
        desk.wait_until_healthy()
        say(banner(desk.plan, time.monotonic() - began))
        desk.watch_for_ever()
    except StopRequested:
        say("propbot: stopping")
        return 0
    except StartFailedError as error:
        say(f"propbot: {error}")
        return EXIT_CONFIG
    finally:
        desk.stop()
        say("propbot: stopped")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="propbot.supervisor", description=__doc__)
    parser.add_argument("--parent", type=int, help="process id that this one must not outlive")
    arguments = parser.parse_args()
    follow_parent(arguments.parent)
    os.umask(0o022)
    try:
        plan = read_plan(os.environ, ROOT)
    except PlanError as error:
        say(f"[FATAL CONFIG] {error}")
        return EXIT_CONFIG
    desk = Desk(plan, os.environ)
    listen_for_stop(desk)
    say(f"propbot: starting the desk of {plan.data_dir} on {plan.base_url}")
    return run(desk)


if __name__ == "__main__":
    sys.exit(main())
