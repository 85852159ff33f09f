"""A trader in a process of its own that is frozen, starved or told to leave at a named point of a hedge.

``single`` opens once in a fork of the nursery: ``freeze`` stops it as SIGSTOP does, ``files``, ``memory`` and ``disk``
run out from there on. As a program of its own, with the point's name, it is a whole TraderWorker that gets SIGTERM
there, as Celery would deliver it.
"""

import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import django


def freeze() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def files() -> None:
    """No descriptor beyond those that are open."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())), hard))


def memory() -> None:
    """No address space beyond what is mapped."""
    mapped = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped, mapped))


def disk() -> None:
    """Every write to a file fails, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


HARM: dict[str, Callable[[], None]] = {"freeze": freeze, "files": files, "memory": memory, "disk": disk}


def harm_at(point: str, harm: Callable[[], None]) -> None:
    """Do ``harm`` at the first passage of the crash point, in every module that has it."""
    from trading.services import execution, journal

    done = threading.Event()

    def passed(name: str) -> None:
        if name == point and not done.is_set():
            done.set()
            harm()

    for module in (journal, execution):
        module.crashpoint = passed  # type: ignore[attr-defined]


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def open_one() -> None:
    from tests.engine.desk import Desk, Simulator
    from trading.runtime.handle import trader
    from trading.services.execution import hedge_open

    desk = Desk(trader(), Simulator(None, os.environ["SIMULATOR_URL"]))  # type: ignore[arg-type]
    hedge_open(plan=desk.plan(first="long"), attempt=None)


def single() -> None:
    from tests.engine.conftest import build_runtime
    from trading.runtime.handle import install

    runtime = build_runtime()
    install(runtime)
    runtime.epoch, runtime.recovered = int(os.environ["ENGINE_EPOCH"]), True
    open_one()
    runtime.close()


def serve() -> None:
    """Start, say so, wait for the word on standard input, open, and leave in order when SIGTERM comes."""
    from propbot.errors import RefusedError
    from tests.engine.conftest import build_runtime
    from tests.engine.desk import wait_until
    from trading.runtime.worker import TraderWorker

    worker, leaving = TraderWorker(build_runtime()), threading.Event()

    def told(*_: object) -> None:
        worker.drain()
        leaving.set()

    signal.signal(signal.SIGTERM, told)
    worker.start()
    if not wait_until(lambda: worker.runtime.recovered, 30):
        raise RuntimeError("the trader did not recover")
    say(f"epoch {worker.runtime.epoch}")
    sys.stdin.readline()

    def work() -> None:
        try:
            open_one()
        except RefusedError as refused:
            say(f"refused {refused.code}: {refused}")
        finally:
            leaving.set()

    task = threading.Thread(target=work)
    task.start()
    leaving.wait(60)
    task.join(20)
    worker.stop()
    say("left")


def main(point: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "propbot.settings")
    django.setup()
    harm_at(point, terminate)
    serve()


if __name__ == "__main__":
    main(sys.argv[1])
