"""``make stack-smoke``: every process of docker-compose.prod.yml, started here with the same command and settings.

DATABASE_URL and REDIS_URL name the services (``make`` brings embedded ones). What differs from production is in
``OVERRIDES`` and in the map of paths and addresses, and is printed; the venues are the simulator's.
"""

import base64
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

import psycopg

from ops.make_secrets import make as make_secrets
from propbot.supervisor import files
from tools.stack.compose import ROOT, Service, env_file, own_services

HOST = "127.0.0.1"
READY_SECONDS = 240.0
STOP_SECONDS = 60.0
ANSWERS = {"REPO": "desk", "TAG": "smoke", "ALLOWED_HOSTS": "desk.example.org"}
OVERRIDES = {"PROFILE": "simulator", "DRY_RUN_ONLY": "false", "CSRF_TRUSTED_ORIGINS": "https://desk.example.org"}
INHERITED = ("HOME", "LANG", "LC_ALL", "TZ")
SERVERS = ("web", "trader", "worker", "beat", "stream", "flower")
KEY_NAMES = re.compile(r"BINANCE_|OKX_|SECRETS_ENC_KEY|SECRETS_STORE_PATH|BACKUP_ENC_KEY")


class StackError(Exception):
    """The stack does not stand, or not as it should; the text says what."""


def say(text: str) -> None:
    sys.stdout.write(f"stack: {text}\n")
    sys.stdout.flush()


def wait_for(what: str, trouble: Callable[[], str | None], seconds: float = READY_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while (reason := trouble()) is not None:
        if time.monotonic() > deadline:
            raise StackError(f"{what}: {reason}")
        time.sleep(0.3)


def asked(url: str, headers: Mapping[str, str]) -> tuple[int, str]:
    request = urllib.request.Request(url, headers=dict(headers))  # noqa: S310 - our own addresses
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except OSError as error:
        return 0, str(error)


class Stack:
    """The processes, below one temporary directory."""

    def __init__(self, place: Path, port: int) -> None:
        self.place, self.port = place, port
        self.services = own_services({**env_file(ROOT / ".env.prod.example"), **ANSWERS, **OVERRIDES})
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.metrics_ports = {name: port + 3 + number for number, name in enumerate(SERVERS)}

    # -- the host that production would be

    def lay_out(self, database_url: str, redis_url: str) -> None:
        for name in ("data", "keys", "prometheus", "logs"):
            (self.place / name).mkdir()
        make_secrets(self.place / "secrets")
        for name, value in (("database_url", database_url), ("redis_url", redis_url)):
            path = self.place / "secrets" / name
            path.chmod(0o600)
            path.write_text(value, encoding="utf-8")
        store = self.place / "keys" / "secrets.json"
        store.touch(mode=0o600)
        store.write_text("{}", encoding="utf-8")

    def local(self, text: str) -> str:
        """A path or address of the containers as it is here."""
        table = {
            "/run/secrets/": f"{self.place}/secrets/",
            "/app/data": f"{self.place}/data",
            "/app/keys": f"{self.place}/keys",
            "0.0.0.0:8000": f"{HOST}:{self.port}",
            "http://web:8000": f"http://{HOST}:{self.port}",
            f"http://{HOST}:8000": f"http://{HOST}:{self.port}",
            f"http://{HOST}:5555": f"http://{HOST}:{self.port + 2}",
            "--address=0.0.0.0 --port=5555": f"--address={HOST} --port={self.port + 2}",
        }
        for there, here in table.items():
            text = text.replace(there, here)
        return text

    def environment(self, service: Service) -> dict[str, str]:
        base = {name: os.environ[name] for name in INHERITED if name in os.environ}
        image = {"PYTHONUNBUFFERED": "1", "DJANGO_SETTINGS_MODULE": "propbot.settings", "PYTHONPATH": str(ROOT)}
        own = {name: self.local(value) for name, value in service.environment.items()}
        here = {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "PORT": str(self.port),
            "SIMULATOR_URL": f"http://{HOST}:{self.port + 1}",
        }
        if "PROMETHEUS_MULTIPROC_DIR" in own:
            here["PROMETHEUS_MULTIPROC_DIR"] = str(self.place / "prometheus")
        if own.get("METRICS_PORT", "0") != "0" and service.name in self.metrics_ports:
            here["METRICS_PORT"] = str(self.metrics_ports[service.name])
        elif service.name not in SERVERS:
            here["METRICS_PORT"] = "0"
        return {**base, **image, **own, **here}

    # -- processes

    def start(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        with (self.place / "logs" / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(  # noqa: S603 - the compose file's own commands
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )

    def once(self, title: str, command: list[str], environment: dict[str, str]) -> None:
        answer = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
        if answer.returncode:
            raise StackError(f"{title} ended with {answer.returncode}:\n{answer.stdout}{answer.stderr}"[-3000:])

    def manage(self, *words: str) -> None:
        command = [sys.executable, "manage.py", *words]
        self.once(words[0], command, {**self.environment(self.services["web"]), "PROCESS": ""})

    def bring_up(self) -> None:
        simulator = [sys.executable, "manage.py", "simulate_venues", "--host", HOST, "--port", str(self.port + 1)]
        web = self.environment(self.services["web"])
        self.start("simulator", [*simulator, "--data-dir", str(self.place / "data")], {**web, "PROCESS": "simulator"})
        migrate = self.services["migrate"]
        self.once("migrate", [self.local(word) for word in migrate.command], self.environment(migrate))
        self.people()
        for name in SERVERS:
            service = self.services[name]
            self.start(name, [self.local(word) for word in service.command], self.environment(service))
            say(f"started {name}: {' '.join(service.command)[:110]}")

    def people(self) -> None:
        """What /healthz of the simulator profile asks for beyond production: the demo people, and symbols."""
        addresses = {
            "base_url": f"http://{HOST}:{self.port}",
            "simulator_url": f"http://{HOST}:{self.port + 1}",
            "flower_url": f"http://{HOST}:{self.port + 2}",
            "approve_token": (self.place / "secrets" / "approve_token").read_text(encoding="utf-8").strip(),
        }
        path = files.write_demo_addresses(self.place / "data", addresses)
        self.manage("demo_people", "--file", str(path))
        self.manage("seed_universe", "BTCUSDT", "ETHUSDT")

    def dead(self) -> str | None:
        for name, process in self.running.items():
            if process.poll() is not None:
                tail = (self.place / "logs" / f"{name}.log").read_text(errors="replace")[-2000:]
                return f"{name} ended with {process.returncode}:\n{tail}"
        return None

    # -- what must hold

    def unhealthy(self) -> str | None:
        if dead := self.dead():
            raise StackError(dead)
        headers = {"Host": ANSWERS["ALLOWED_HOSTS"], "X-Forwarded-Proto": "https"}
        status, body = asked(f"http://{HOST}:{self.port}/healthz", headers)
        return None if status == 200 else f"/healthz answers {status}: {body[:300]}"

    def probe(self, service: Service) -> str | None:
        """The service's own health check, as Docker would run it."""
        command = [self.local(word) for word in (service.health or ["CMD", "true"])[1:]]
        environment = self.environment(service)
        answer = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
        return None if answer.returncode == 0 else f"{' '.join(command)}: {answer.stdout}{answer.stderr}"

    def check_keys(self) -> None:
        """Law 11, as the kernel sees it: exchange keys and their store reach the trader alone."""
        for name, process in self.running.items():
            raw = Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
            held = {line.partition(b"=")[0].decode() for line in raw if KEY_NAMES.match(line.decode(errors="replace"))}
            if bool(held) is not (name == "trader"):
                raise StackError(f"{name} is started with {sorted(held) or 'no keys'}")

    def check_metrics(self) -> None:
        for name, port in self.metrics_ports.items():
            if self.environment(self.services[name]).get("METRICS_PORT") == str(port) and name != "flower":
                status, body = asked(f"http://{HOST}:{port}/metrics", {})
                if status != 200 or "propbot_orders_sent" not in body:
                    raise StackError(f"{name} serves no counters on its METRICS_PORT: {status}")

    def check_flower(self) -> None:
        url = f"http://{HOST}:{self.port + 2}/"
        word = (self.place / "secrets" / "flower_basic_auth").read_text(encoding="utf-8").strip()
        status, _ = asked(url, {})
        known, _ = asked(url, {"Authorization": f"Basic {base64.b64encode(word.encode()).decode()}"})
        if (status, known) != (401, 200):
            raise StackError(f"Flower answers {status} without and {known} with its password")

    def check_held(self, database_url: str) -> None:
        with psycopg.connect(database_url) as connection:
            row = connection.execute("SELECT mode, hold_active, safe_mode, dry_run FROM risk_deskstate").fetchone()
        if row != ("HOLD", True, True, True):
            raise StackError(f"the desk does not start stopped: {row}")

    def stop(self) -> list[str]:
        """SIGTERM as ``docker compose down`` sends it, to the venues last; who had to be killed."""
        killed = []
        for group in ([name for name in self.running if name != "simulator"], ["simulator"]):
            processes = {name: self.running[name] for name in group if name in self.running}
            for process in processes.values():
                if process.poll() is None:
                    process.send_signal(signal.SIGTERM)
            deadline = time.monotonic() + STOP_SECONDS
            killed += [name for name, process in processes.items() if not self.ended(process, deadline)]
        return killed

    def ended(self, process: subprocess.Popen[bytes], deadline: float) -> bool:
        """True when it ended by itself."""
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return False
        return True


def prove(stack: Stack, database_url: str) -> None:
    began = time.monotonic()
    stack.bring_up()
    wait_for("the desk is not healthy", stack.unhealthy)
    say(f"/healthz is ok {time.monotonic() - began:.0f} s after the first process")
    for name in SERVERS:
        wait_for(f"the health check of {name}", lambda name=name: stack.probe(stack.services[name]))
    stack.check_keys()
    stack.check_metrics()
    stack.check_flower()
    stack.check_held(database_url)
    say(
        f"{len(SERVERS)} health checks pass; only the trader holds keys; Flower asks for its password; the desk is held"
    )


def main() -> int:
    port = int(os.environ.get("STACK_PORT", "8400"))
    database_url, redis_url = os.environ["DATABASE_URL"], os.environ["REDIS_URL"]
    say(f"differs from production: {OVERRIDES}, paths, ports from {port}, the venue simulator")
    with tempfile.TemporaryDirectory(prefix="propbot-stack-") as place:
        stack = Stack(Path(place), port)
        stack.lay_out(database_url, redis_url)
        try:
            prove(stack, database_url)
        except StackError as error:
            say(f"FAILED: {error}")
            return 1
        finally:
            killed = stack.stop()
        if killed:
            say(f"FAILED: did not stop in {STOP_SECONDS:.0f} s: {', '.join(killed)}")
            return 1
        say("every process stopped on SIGTERM")
    return 0


if __name__ == "__main__":
    sys.exit(main())
