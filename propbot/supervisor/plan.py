"""What ``make run`` starts, decided from the environment before anything is started."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from propbot.env import BadValueError, parse_integer, raw_text

HOST = "127.0.0.1"
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
LAST_FIRST_PORT = 65526
MOST_PROCESSES = 16
# make run trades at the simulator with every risk check on; dry run and HOLD stay as the desk starts.
DEFAULTS = {
    "PROFILE": "simulator",
    "DRY_RUN_ONLY": "false",
    "RISK_CHECKS_ENABLED": "true",
    "RISK_ENFORCE_CAPS": "true",
    "RISK_ENFORCE_BUDGETS": "true",
}


class PlanError(Exception):
    """The environment asks for a desk that cannot be started; the text names the variable and the cure."""


@dataclass(frozen=True)
class DeskPlan:
    root: Path
    data_dir: Path
    port: int
    profile: str
    database_url: str | None
    redis_url: str | None
    recording: Path | None
    telegram: bool
    simulator_options: tuple[str, ...] = ()
    stream_shards: int = 1
    ops_workers: int = 1

    @property
    def simulated(self) -> bool:
        return self.profile == "simulator"

    @property
    def base_url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def simulator_url(self) -> str:
        return f"http://{HOST}:{self.port + 1}"

    @property
    def flower_url(self) -> str:
        return f"http://{HOST}:{self.port + 2}"


def _port(environ: Mapping[str, str]) -> int:
    text = environ.get("PORT") or "8000"
    try:
        port = parse_integer(text)
    except BadValueError as error:
        raise PlanError(f"PORT: {error}; set it to the first of ten free ports") from error
    if not 1 <= port <= LAST_FIRST_PORT:
        raise PlanError(f"PORT: {port} is outside 1 to {LAST_FIRST_PORT}; set it to the first of ten free ports")
    return port


def _count(name: str, environ: Mapping[str, str]) -> int:
    """How many processes of one role; the settings' own bounds are checked by each of them."""
    try:
        count = parse_integer(environ.get(name) or "1")
    except BadValueError as error:
        raise PlanError(f"{name}: {error}; set it to a number of processes") from error
    if not 1 <= count <= MOST_PROCESSES:
        raise PlanError(f"{name}: {count} is outside 1 to {MOST_PROCESSES}; set it to a number of processes")
    return count


def role_of(name: str) -> str:
    """``worker-2`` is a worker."""
    return name.partition("-")[0]


def _recording(environ: Mapping[str, str]) -> Path | None:
    text = environ.get("RECORDING")
    if not text:
        return None
    path = Path(text).expanduser().resolve()
    if not path.is_dir():
        raise PlanError(f"RECORDING: {path} is not a directory; name the directory of a recording, or unset it")
    return path


def _simulator_options(environ: Mapping[str, str]) -> tuple[str, ...]:
    """More words for the simulator's command line, such as ``--dislocate-every 0``."""
    try:
        return tuple(shlex.split(environ.get("SIMULATOR_OPTIONS", "")))
    except ValueError as error:
        raise PlanError(f"SIMULATOR_OPTIONS: {error}; quote it as a shell would") from error


def _url(name: str, environ: Mapping[str, str]) -> str | None:
    try:
        return raw_text(name, environ) or None
    except BadValueError as error:
        raise PlanError(f"{name}: {error}") from error


def read_plan(environ: Mapping[str, str], root: Path) -> DeskPlan:
    data_dir = Path(environ.get("DATA_DIR") or "data").expanduser()
    return DeskPlan(
        root=root,
        data_dir=data_dir if data_dir.is_absolute() else (root / data_dir).resolve(),
        port=_port(environ),
        profile=environ.get("PROFILE") or DEFAULTS["PROFILE"],
        database_url=_url("DATABASE_URL", environ),
        redis_url=_url("REDIS_URL", environ),
        recording=_recording(environ),
        telegram=environ.get("TELEGRAM_ENABLE", "").lower() in ("true", "1", "yes", "on"),
        simulator_options=_simulator_options(environ),
        stream_shards=_count("STREAM_SHARDS", environ),
        ops_workers=_count("OPS_WORKERS", environ),
    )
