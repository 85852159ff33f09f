"""``python -m tools.load``: a desk under load on this machine, with everything that makes the load beside it.

The desk is a whole one as ``make run`` starts it, on ports and data of its own, and its venues replay quotes at twice
the recorded peak. Exit code 1 when a target was missed: the figures want a machine that does nothing else.
"""

import argparse
import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvloop

from propbot.supervisor import embedded
from tests.acceptance.desk import Desk, free_port_block, running_desk
from tools.load import holds, listeners, quotes, readers, recording
from tools.load.results import REQUESTS_PER_SECOND, feed_results, hold_results, quote_results, status_results
from tools.reports import ROOT, Result, exactly, measured, show, write_report
from tools.soak import memory

LISTENERS = 200
SECONDS = 90.0
WARM_SECONDS = 10.0
TICKS = os.sysconf("SC_CLK_TCK")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def options_of(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools.load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long all of it lasts")
    parser.add_argument("--rate", type=float, default=REQUESTS_PER_SECOND, help="requests a second on the status API")
    parser.add_argument("--listeners", type=int, default=LISTENERS, help="sockets on the live feed")
    parser.add_argument("--times-peak", type=float, default=recording.TIMES_PEAK, help="multiple of the recorded peak")
    parser.add_argument("--port", type=int, default=0, help="the first of ten free ports; 0 looks for them")
    parser.add_argument("--no-report", action="store_true", help="write no docs/reports/load.json")
    options = parser.parse_args(words)
    if min(options.seconds, options.rate, options.listeners, options.times_peak) <= 0:
        parser.error("every amount must be more than 0")
    return options


def command_of(options: argparse.Namespace) -> str:
    """What repeats it: a report of less than the whole says so."""
    own = {"seconds": SECONDS, "rate": REQUESTS_PER_SECOND, "listeners": LISTENERS, "times_peak": recording.TIMES_PEAK}
    words = [
        f"--{name.replace('_', '-')} {vars(options)[name]:g}"
        for name, usual in own.items()
        if vars(options)[name] != usual
    ]
    return f"make load LOAD='{' '.join(words)}'" if words else "make load"


def cpu_seconds(supervisor: int) -> dict[tuple[str, int], float]:
    """What each process of the desk, by role and id, has used so far."""
    found = {}
    for role, pid in memory.roles(supervisor).items():
        used = 0
        for one in memory.tree_of(pid):
            try:
                fields = Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            used += int(fields[11]) + int(fields[12])
        found[role, pid] = used / TICKS
    return found


@contextmanager
def _terminated(process: "asyncio.subprocess.Process") -> Iterator[None]:
    try:
        yield
    finally:
        if process.returncode is None:
            process.terminate()


async def _listening(desk: Desk, options: argparse.Namespace) -> "asyncio.subprocess.Process":
    """The listeners' process, once all have their snapshot."""
    words = (desk.base_url, str(options.listeners), str(options.seconds))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tools.load.listeners", *words,
        cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the listeners have no pipes")
    process.stdin.write(f"{desk.accounts['people']['vera']['token']}\n".encode())
    process.stdin.close()
    if (await process.stdout.readline()).decode().strip() != listeners.READY:
        raise RuntimeError("the listeners did not get their snapshots")
    return process


async def load(desk: Desk, options: argparse.Namespace, *, wanted: float) -> list[Result]:
    if desk.process is None:
        raise RuntimeError("the desk has no process")
    reader, supervisor = desk.accounts["people"]["otto"]["token"], desk.process.pid
    say(f"{options.listeners} listeners connect")
    crowd = await _listening(desk, options)
    say(f"{options.rate:g} requests a second, {wanted:g} quotes a second, HOLD and release, for {options.seconds:g} s")
    with _terminated(crowd):
        before, used, began = (
            await asyncio.to_thread(quotes.read, desk.base_url),
            cpu_seconds(supervisor),
            time.monotonic(),
        )
        status, hold = await asyncio.gather(
            readers.read_on(desk.base_url, reader, rate=options.rate, seconds=options.seconds),
            holds.hold_on(desk.base_url, desk.accounts, seconds=options.seconds),
        )
        say("all is asked; the listeners have the last word")
        seconds, load_average = time.monotonic() - began, os.getloadavg()[0]
        after, spent = await asyncio.to_thread(quotes.read, desk.base_url), cpu_seconds(supervisor)
        output, _ = await crowd.communicate()
    heard: dict[str, Any] = json.loads(output.decode().splitlines()[-1])
    return [
        *status_results(status, rate=options.rate),
        *hold_results(hold),
        *feed_results(heard, listeners=options.listeners),
        *quote_results(quotes.rates(before, after, seconds), wanted=wanted),
        exactly("processes that had to be started again", len(spent.keys() - used.keys()), "", 0),
        *(
            measured(f"CPU of {role}", (spent[role, pid] - used[role, pid]) / seconds * 100, "% of a core")
            for role, pid in sorted(spent.keys() & used.keys())
        ),
        measured("seconds under load", seconds, "s"),
        measured("load average of the machine at its end", load_average, "processes"),
    ]


def main() -> int:
    options = options_of(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="propbot-load-"))
    folder.chmod(0o755)  # PostgreSQL's own user walks through
    (folder / "recording").mkdir()
    try:
        wanted = recording.write(folder / "recording", times_peak=options.times_peak)
        settings = {"RECORDING": str(folder / "recording")}
        with running_desk(folder / "data", options.port or free_port_block(), **settings) as desk:
            say(f"the desk is up on {desk.base_url}; {WARM_SECONDS:g} s to warm up")
            time.sleep(WARM_SECONDS)
            rows = uvloop.run(load(desk, options, wanted=wanted))
        show(rows)
        if not options.no_report:
            write_report("load", rows, command=command_of(options))
    finally:
        embedded.remove(folder / "data")
        shutil.rmtree(folder, ignore_errors=True)
    return int(any(row.ok is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
