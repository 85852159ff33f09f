"""A process with Django and ccxt loaded that forks a trader in milliseconds, and the harness' end of its pipe.

It opens no connection and starts no thread of its own, so that every fork begins clean. Requests and answers are JSON
lines: {"run": job} -> {"pid": n}; {"wait": pid, "seconds": s} -> {"code": c or null, "signal": s}.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
Job = dict[str, Any]


class Zygote:
    """The harness' side."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tools.chaos.zygote"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._ask({"ping": 1}) == {"pong": 1}  # noqa: S101

    def _ask(self, request: Job) -> Job:
        assert self._process.stdin is not None  # noqa: S101
        assert self._process.stdout is not None  # noqa: S101
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: Job = json.loads(self._process.stdout.readline())
        return answer

    def start(self, job: Job) -> int:
        return int(self._ask({"run": job})["pid"])

    def wait(self, pid: int, seconds: float = 60) -> int | None:
        """The exit code, negative for a signal; None when it still ran after ``seconds`` (and was killed then)."""
        code = self._ask({"wait": pid, "seconds": seconds})["code"]
        return None if code is None else int(code)

    def run(self, job: Job, seconds: float = 60) -> int | None:
        return self.wait(self.start(job), seconds)

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(3)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        if self._process.stdout is not None:
            self._process.stdout.close()


def _reap(pid: int, seconds: float) -> int | None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    os.kill(pid, signal.SIGCONT)
    os.waitpid(pid, 0)
    return None


def _fork(job: Job) -> int:
    pid = os.fork()
    if pid:
        return pid
    # The harness' pipe belongs to the parent alone.
    quiet = os.open(os.devnull, os.O_RDONLY)
    log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(quiet, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    from tools.chaos.child import perform

    os._exit(perform(job))


def serve() -> None:
    import django

    django.setup()
    import tests.engine.conftest  # noqa: F401 - loaded once, before any fork
    import tools.chaos.child
    import tools.chaos.trader  # noqa: F401
    from trading.venues.wire import exchange_class

    for name in ("binanceusdm", "okx"):
        exchange_class(name, streaming=False)
    for line in sys.stdin:
        request = json.loads(line)
        if "run" in request:
            answer: Job = {"pid": _fork(request["run"])}
        elif "wait" in request:
            answer = {"code": _reap(request["wait"], request["seconds"])}
        else:
            answer = {"pong": 1}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
