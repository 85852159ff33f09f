"""A process with Django and ccxt loaded that forks a trader in milliseconds, and the harness' end of its pipe.

It has neither connections nor threads, so that every fork begins clean. The harness' own is forked from the harness
when that has loaded everything; the tests start one (``tests.engine.nursery``). Requests and answers are JSON lines:
{"run": job} -> {"pid": n}; {"wait": pid, "seconds": s} -> {"code": c or null}.
"""

import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any

Job = dict[str, Any]
Perform = Callable[[Job], int]


class Forker:
    """The asking side: who starts children and waits for them. ``pid``: the process that forks."""

    def __init__(self, pid: int, requests: IO[str], answers: IO[str]) -> None:
        self._pid, self._requests, self._answers = pid, requests, answers

    def _ask(self, request: Job) -> Job:
        self._requests.write(json.dumps(request) + "\n")
        self._requests.flush()
        answer: Job = json.loads(self._answers.readline())
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
        """It ends when its pipe does."""
        for end in (self._requests, self._answers):
            with suppress(OSError):
                end.close()
        os.waitpid(self._pid, 0)


class Zygote(Forker):
    """Made before the first connection and the first thread of this process."""

    def __init__(self) -> None:
        _load()
        read_request, write_request = os.pipe()
        read_answer, write_answer = os.pipe()
        pid = os.fork()
        if not pid:
            from tools.chaos.child import perform

            os.close(write_request)
            os.close(read_answer)
            os._exit(serve(os.fdopen(read_request), os.fdopen(write_answer, "w"), perform))
        os.close(read_request)
        os.close(write_answer)
        super().__init__(pid, os.fdopen(write_request, "w"), os.fdopen(read_answer))


def _load() -> None:
    """Everything a trader needs, once, before any fork."""
    import tools.chaos.child
    import tools.chaos.trader  # noqa: F401 - both are for the forks
    from trading.venues.wire import exchange_class

    for name in ("binanceusdm", "okx"):
        exchange_class(name, streaming=False)


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


def _fork(job: Job, perform: Perform, *pipe: IO[str]) -> int:
    pid = os.fork()
    if pid:
        return pid
    # The harness' pipe belongs to the parent alone; its ends may be standard input and output, which are set anew.
    for end in pipe:
        if end.fileno() > 2:
            os.close(end.fileno())
    quiet = os.open(os.devnull, os.O_RDONLY)
    log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(quiet, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os._exit(perform(job))


def serve(requests: IO[str], answers: IO[str], perform: Perform) -> int:
    """Fork for whoever asks, until nobody does. Each child ends with what ``perform`` answers."""
    # A break on the harness' terminal is the harness' business.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for line in requests:
        request = json.loads(line)
        if "run" in request:
            answer: Job = {"pid": _fork(request["run"], perform, requests, answers)}
        else:
            answer = {"code": _reap(request["wait"], request["seconds"])}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    return 0
