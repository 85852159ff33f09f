"""The life of one desk: services, preparations, processes, watching, the ordered stop."""

import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from prometheus_client.multiprocess import mark_process_dead

from propbot.supervisor import commands, embedded, files, kept, probe
from propbot.supervisor.child import Child, ChildSpec, stop_together, tail
from propbot.supervisor.plan import DeskPlan
from propbot.supervisor.ports import port_trouble
from propbot.supervisor.pulse import HUNG_SECONDS, Judge, Pulse

TICK_SECONDS = 0.1
SERVICE_SECONDS = 60.0
LOCK_SECONDS = 30.0
PORTS_SECONDS = 3.0
HEALTH_POLL_SECONDS = 0.3
HEALTH_NOTE_SECONDS = 15.0
EXIT_CONFIG = 78


class StopRequested(Exception):  # noqa: N818 - not an error: somebody asked the desk to end
    """SIGINT, SIGTERM or SIGHUP arrived, or the parent is gone."""


class StartFailedError(Exception):
    """The desk cannot be started; the text says why and where to read more."""


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class Desk:
    def __init__(self, plan: DeskPlan, inherited: Mapping[str, str]) -> None:
        self.plan = plan
        self.inherited = {name: value for name, value in inherited.items() if not name.startswith("MAKE")}
        self.services: list[Child] = []
        self.simulator: list[Child] = []
        self.processes: list[Child] = []
        self.stopping = False
        self.env: dict[str, str] = {}
        self._lock: IO[str] | None = None
        self._pulse: Pulse | None = None
        self._judge = Judge()
        self._errands: list[Child] = []

    # -- signals and waiting

    def request_stop(self, *_: object) -> None:
        self.stopping = True

    def pause(self, seconds: float = TICK_SECONDS) -> None:
        time.sleep(seconds)
        if self.stopping:
            raise StopRequested

    def children(self) -> list[Child]:
        return [*self.services, *self.simulator, *self.processes]

    def wait_for(self, what: str, trouble: probe.Trouble, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (reason := trouble()) is not None:
            if time.monotonic() > deadline:
                raise StartFailedError(f"{what} is not ready after {seconds:.0f} s: {reason}")
            self.watch()
            self.pause()

    # -- children

    def start(self, group: list[Child], spec: ChildSpec) -> None:
        child = Child(spec)
        group.append(child)
        child.start()

    def watch(self) -> None:
        """Notice deaths and start again what is due."""
        for child in self.children():
            pid = child.collect_death()
            if pid is not None:
                self.note_death(child, pid)
            if child.restart_when_due():
                say(f"propbot: {child.spec.name} is started again (restart {child.restarts})")
            child.trim_log()

    def note_death(self, child: Child, pid: int) -> None:
        mark_process_dead(pid, path=self.env["PROMETHEUS_MULTIPROC_DIR"])  # type: ignore[no-untyped-call]
        code = child.process.returncode if child.process else None
        say(f"propbot: {child.spec.name} ended with {code}; the end of {child.spec.log}:")
        say("\n".join(f"  {child.spec.name} | {line}" for line in tail(child.spec.log).splitlines()))

    def feel_pulse(self) -> None:
        """Start again who runs and does nothing; the alert is an errand, because telling takes seconds."""
        self._errands = [errand for errand in self._errands if errand.running]
        look = self._pulse.latest() if self._pulse else None
        if look is None:
            return
        now = time.monotonic()
        running = {child.spec.name: child for child in self.processes if child.running}
        for name in self._judge.hung(look, {name: now - child.started for name, child in running.items()}, now):
            text = f"{name} gave no sign of life for {HUNG_SECONDS:.0f} s and was started again"
            say(f"propbot: {text}")
            running[name].kill()
            errand = Child(commands.process_spec(self.plan, self.env, commands.PREPARING, commands.alert(text)))
            errand.start()
            self._errands.append(errand)

    def run_step(self, title: str, command: tuple[str, ...]) -> None:
        spec = commands.process_spec(self.plan, self.env, commands.PREPARING, command)
        step = Child(spec)
        step.start()
        try:
            while step.running:
                self.watch()
                self.pause()
        finally:
            stop_together([step])
        if step.process is None or step.process.returncode != 0:
            raise StartFailedError(f"could not {title}:\n{tail(spec.log, 30)}")

    # -- the start

    def prepare_files(self) -> dict[str, str]:
        data_dir = self.plan.data_dir
        # As root, PostgreSQL's user must be able to walk through; every secret in it is a 0600 file.
        data_dir.mkdir(mode=0o711 if embedded.service_owner() else 0o700, parents=True, exist_ok=True)
        for name, mode in (("run", 0o711), ("logs", 0o700), ("prometheus", 0o700), ("audit", 0o700)):
            (data_dir / name).mkdir(mode=mode, exist_ok=True)
        self.take_lock()
        for stale in (data_dir / "prometheus").iterdir():
            stale.unlink()
        return files.generated_secrets(data_dir)

    def take_lock(self) -> None:
        """Wait for an earlier desk's last breath; two on one data directory never run."""
        deadline = time.monotonic() + LOCK_SECONDS
        while (lock := files.lock(self.plan.data_dir)) is None:
            if time.monotonic() > deadline:
                raise StartFailedError(f"another desk runs on {self.plan.data_dir}; stop it, or set DATA_DIR and PORT")
            self.pause()
        self._lock = lock

    def wait_for_ports(self) -> None:
        """An earlier desk's last process may still close its own; what is taken after that is somebody else's."""
        deadline = time.monotonic() + PORTS_SECONDS
        while (trouble := port_trouble(self.plan)) is not None:
            if time.monotonic() > deadline:
                raise StartFailedError(f"[FATAL CONFIG] PORT: {trouble}")
            self.pause()

    def start_services(self) -> dict[str, str]:
        """PostgreSQL and Valkey, embedded or given; their addresses."""
        urls = {"DATABASE_URL": self.plan.database_url or "", "REDIS_URL": self.plan.redis_url or ""}
        if not urls["REDIS_URL"]:
            spec, urls["REDIS_URL"] = embedded.valkey_spec(
                self.plan.data_dir, self.inherited, commands.log_file(self.plan, "valkey")
            )
            self.start(self.services, spec)
        if not urls["DATABASE_URL"]:
            home = embedded.postgres_home(self.plan.data_dir)
            self.note_kept()
            embedded.initialize(home)
            self.start(self.services, embedded.postgres_spec(home, commands.log_file(self.plan, "postgres")))
            urls["DATABASE_URL"] = home.url
        return urls

    def note_kept(self) -> None:
        """The disk below /var/lib must not fill up unnoticed with databases of desks that are gone."""
        kept.forget_old_binaries()
        left = [one for one in kept.kept_databases() if not one.wanted]
        if left:
            say(f"propbot: {len(left)} databases of former data directories are kept in {left[0].place.parent};")
            say(
                "  python -m propbot.supervisor.kept lists them, and with --delete removes those whose directory is gone"
            )

    def wait_for_services(self) -> None:
        self.wait_for("PostgreSQL", lambda: probe.database_trouble(self.env["DATABASE_URL"]), SERVICE_SECONDS)
        self.wait_for("Redis", lambda: probe.redis_trouble(self.env["REDIS_URL"]), SERVICE_SECONDS)

    def write_addresses(self, services: Mapping[str, str]) -> Path:
        table = {**services, "PORT": str(self.plan.port), "PROFILE": self.plan.profile}
        if self.plan.simulated:
            table["SIMULATOR_URL"] = self.plan.simulator_url
        files.write_env_file(self.plan.data_dir / files.DESK_FILE, table)
        addresses = {
            "base_url": self.plan.base_url,
            "simulator_url": self.plan.simulator_url,
            "flower_url": self.plan.flower_url,
            "approve_token": self.env["APPROVE_TOKEN"],
        }
        return files.write_demo_addresses(self.plan.data_dir, addresses)

    def start_all(self) -> None:
        secrets = self.prepare_files()
        self.wait_for_ports()
        self.env = commands.desk_env(self.plan, self.inherited, secrets, {})
        services = self.start_services()
        self.env = commands.desk_env(self.plan, self.inherited, secrets, services)
        if self.plan.simulated:
            self.start(self.simulator, commands.simulator_spec(self.plan, self.env))
        self.wait_for_services()
        demo_file = self.write_addresses(services)
        self.run_step("prepare the desk", commands.preparation(self.plan, demo_file))
        if self.plan.simulated:
            url = self.plan.simulator_url
            self.wait_for("the venue simulator", lambda: probe.simulator_trouble(url), SERVICE_SECONDS)
        for name, command in commands.process_commands(self.plan).items():
            self.start(self.processes, commands.process_spec(self.plan, self.env, name, command))

    def wait_until_healthy(self) -> None:
        noted = time.monotonic()
        while (trouble := probe.health_trouble(self.plan.base_url)) is not None:
            self.pause(HEALTH_POLL_SECONDS)
            if time.monotonic() - noted > HEALTH_NOTE_SECONDS:
                say(f"propbot: still waiting for: {trouble}")
                noted = time.monotonic()
            self.watch()

    def watch_for_ever(self) -> None:
        self._pulse = Pulse(self.env["DATABASE_URL"], self.env["REDIS_URL"], self.plan.base_url)
        self._pulse.start()
        while True:
            self.watch()
            self.feel_pulse()
            self.pause()

    # -- the end

    def stop(self) -> None:
        """Own processes, then the simulator, then Valkey, then PostgreSQL: nobody loses what it still needs."""
        if self._pulse is not None:
            self._pulse.stop()
        valkey = [child for child in self.services if child.spec.name == "valkey"]
        postgres = [child for child in self.services if child.spec.name == "postgres"]
        for group in (self.processes + self._errands, self.simulator, valkey, postgres):
            killed = stop_together(group)
            if killed:
                say(f"propbot: did not stop in time and was killed: {', '.join(killed)}")
        (self.plan.data_dir / files.DESK_FILE).unlink(missing_ok=True)


def listen_for_stop(desk: Desk) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, desk.request_stop)


def parent_is(expected: int | None) -> bool:
    return expected is None or os.getppid() == expected
