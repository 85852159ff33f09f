"""``python -m propbot.supervisor.services -- COMMAND…``: a command between empty PostgreSQL and Valkey.

Where DATABASE_URL and REDIS_URL are set, they are used instead. Everything is gone afterwards.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from propbot.supervisor import embedded, probe
from propbot.supervisor.child import Child, ChildSpec, stop_together, tail

READY_SECONDS = 60.0


def _wait(child: Child, trouble: probe.Trouble) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while (reason := trouble()) is not None:
        if not child.running or time.monotonic() > deadline:
            raise RuntimeError(f"{child.spec.name} did not start: {reason}\n{tail(child.spec.log)}")
        time.sleep(0.1)


def _start(spec: ChildSpec, children: list[Child], trouble: probe.Trouble) -> None:
    child = Child(spec)
    children.insert(0, child)
    child.start()
    _wait(child, trouble)


@contextmanager
def running_services(data_dir: Path, *, database: bool = True, redis: bool = True) -> Iterator[dict[str, str]]:
    """DATABASE_URL and REDIS_URL of the services started below ``data_dir``."""
    urls: dict[str, str] = {}
    children: list[Child] = []
    (data_dir / "run").mkdir(mode=0o711, exist_ok=True)
    try:
        if database:
            home = embedded.postgres_home(data_dir)
            embedded.initialize(home)
            spec = embedded.postgres_spec(home, data_dir / "postgres.log")
            _start(spec, children, lambda: probe.database_trouble(home.url))
            urls["DATABASE_URL"] = home.url
        if redis:
            spec, url = embedded.valkey_spec(data_dir, os.environ, data_dir / "valkey.log")
            _start(spec, children, lambda: probe.redis_trouble(url))
            urls["REDIS_URL"] = url
        yield urls
    finally:
        for child in children:
            stop_together([child])


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    command = sys.argv[sys.argv.index("--") + 1 :]
    data_dir = Path(tempfile.mkdtemp(prefix="propbot-services-"))
    data_dir.chmod(0o711)
    missing = {name: not os.environ.get(name) for name in ("DATABASE_URL", "REDIS_URL")}
    try:
        with running_services(data_dir, database=missing["DATABASE_URL"], redis=missing["REDIS_URL"]) as urls:
            return subprocess.run(command, env={**os.environ, **urls}, check=False).returncode  # noqa: S603
    finally:
        embedded.remove(data_dir)
        shutil.rmtree(data_dir, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
