"""The command lines and environments of the desk's processes."""

import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from propbot.supervisor.child import ChildSpec
from propbot.supervisor.plan import DEFAULTS, HOST, SYMBOLS, DeskPlan, role_of

# Only the trader may hold exchange keys (law 11): every other process is started without them.
TRADER_ONLY = ("BINANCE_", "OKX_", "SECRETS_ENC_KEY")
KEYLESS_EXCEPTIONS = ("BINANCE_LV_BASE_URL", "BINANCE_UM_BASE_TESTNET")
PREPARING = "manage"
FLOWER_TASKS = 2000
TELEGRAM_PROCESSES = ("worker", "telegram")
# Where two cores serve all, who keeps the books goes after who trades and who answers: an order and a HOLD wait for no
# chart. One step is a quarter of the share; five are a third.
IN_NO_HURRY = ("worker", "beat", "flower", "telegram")
NICE = 5


def desk_env(
    plan: DeskPlan, inherited: Mapping[str, str], secrets: Mapping[str, str], services: Mapping[str, str]
) -> dict[str, str]:
    """What every process of the desk gets; an explicit variable wins over a generated or default one."""
    own = {
        "DATA_DIR": str(plan.data_dir),
        "PORT": str(plan.port),
        "PROMETHEUS_MULTIPROC_DIR": str(plan.data_dir / "prometheus"),
        "DJANGO_SETTINGS_MODULE": "propbot.settings",
        "PYTHONUNBUFFERED": "1",
        **({"SIMULATOR_URL": plan.simulator_url} if plan.simulated else {}),
    }
    given = {name for name in secrets if name in inherited or f"{name}_FILE" in inherited}
    generated = {name: value for name, value in secrets.items() if name not in given}
    return {**DEFAULTS, **generated, **inherited, **services, **own}


def process_env(env: Mapping[str, str], process: str) -> dict[str, str]:
    """The environment of one role, without the secrets of the others. A preparing command has no role."""
    if process == PREPARING:
        return {**env, "PROCESS": ""}
    table = {**env, "PROCESS": process}
    if process != "trader":
        table = {
            name: value
            for name, value in table.items()
            if not name.startswith(TRADER_ONLY) or name in KEYLESS_EXCEPTIONS
        }
    if process not in TELEGRAM_PROCESSES:
        table.pop("TELEGRAM_BOT_TOKEN", None)
    return table


def manage(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "manage.py", *arguments)


def celery(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "celery", "-A", "propbot", *arguments)


def worker(queue: str, name: str, threads: int) -> tuple[str, ...]:
    options = ("-Q", queue, "-P", "threads", "-c", str(threads), "-n", f"{name}@%h")
    return celery("worker", *options, "-l", "INFO", "--without-mingle", "--without-gossip")


def web(plan: DeskPlan) -> tuple[str, ...]:
    address = ("--host", HOST, "--port", str(plan.port))
    # Compressed for each of two hundred sockets, one change of the desk would keep the process from the next request.
    limits = ("--timeout-graceful-shutdown", "3", "--no-server-header", "--log-level", "warning")
    sockets = ("--ws-per-message-deflate", "false")
    return (sys.executable, "-m", "uvicorn", "propbot.asgi:application", *address, *limits, *sockets)


def simulator(plan: DeskPlan) -> tuple[str, ...]:
    place = ("--host", HOST, "--port", str(plan.port + 1), "--data-dir", str(plan.data_dir))
    replay = () if plan.recording is None else ("--replay", str(plan.recording))
    return manage("simulate_venues", *place, *replay, *plan.simulator_options)


def flower(plan: DeskPlan) -> tuple[str, ...]:
    # It keeps every task that it sees, 100,000 by default: 140 MiB an hour in a soak.
    kept = f"--max_tasks={FLOWER_TASKS}"
    return celery("flower", f"--address={HOST}", f"--port={plan.port + 2}", "--read_only", kept, "--logging=warning")


def numbered(role: str, count: int) -> list[str]:
    """The names of ``count`` processes of one role: worker, worker-2, worker-3."""
    return [role, *(f"{role}-{number}" for number in range(2, count + 1))]


def process_commands(plan: DeskPlan) -> dict[str, tuple[str, ...]]:
    """PropBot's own processes in the order of their start."""
    commands = {
        "web": web(plan),
        "trader": worker("trading", "trader", 8),
        **{name: worker("ops", name, 4) for name in numbered("worker", plan.ops_workers)},
        "beat": celery("beat", "-S", "propbot.upkeep.scheduler:LeasedScheduler", "--pidfile=", "-l", "INFO"),
        # Each takes the first share that nobody streams.
        **{name: manage("stream_quotes") for name in numbered("stream", plan.stream_shards)},
        "flower": flower(plan),
    }
    return {**commands, "telegram": manage("run_telegram")} if plan.telegram else commands


def process_spec(plan: DeskPlan, env: Mapping[str, str], name: str, command: tuple[str, ...]) -> ChildSpec:
    return ChildSpec(
        name=name,
        command=command,
        env=process_env(env, role_of(name)),
        cwd=plan.root,
        log=log_file(plan, name),
        stop_signal=signal.SIGTERM,
        nice=NICE if role_of(name) in IN_NO_HURRY else 0,
    )


def simulator_spec(plan: DeskPlan, env: Mapping[str, str]) -> ChildSpec:
    return process_spec(plan, env, "simulator", simulator(plan))


def log_file(plan: DeskPlan, name: str) -> Path:
    return plan.data_dir / "logs" / f"{name}.log"


def preparation(plan: DeskPlan, demo_file: Path) -> tuple[str, ...]:
    """What happens between the services and the processes; it must succeed."""
    demo = ("--demo-file", str(demo_file), "--symbols", *SYMBOLS) if plan.simulated else ()
    return manage("prepare_desk", *demo)


def alert(text: str) -> tuple[str, ...]:
    return manage("raise_alert", text, "--kind", "process_hung", "--severity", "critical")
