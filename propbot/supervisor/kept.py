"""``python -m propbot.supervisor.kept``: what the embedded PostgreSQL keeps outside the data directories, and for whom.

Only as root, and only where ``nobody`` cannot reach a data directory (see ``embedded``). What belongs to a directory
that is gone is never deleted by itself, because a missing directory may be a volume that is not mounted: ``--delete``
does it. Binaries of versions that nothing runs any more go at every start.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from propbot.supervisor import embedded

DRAFT_SECONDS = 3600


@dataclass(frozen=True)
class Kept:
    """One kept database. ``wanted``: its data directory stands there and points back at it."""

    place: Path
    data_dir: Path
    wanted: bool

    @property
    def megabytes(self) -> float:
        return sum(file.lstat().st_size for file in self.place.rglob("*") if file.is_file()) / 1_000_000


def _points_at(data_dir: Path, place: Path) -> bool:
    pointer = data_dir / "postgres.path"
    return pointer.exists() and Path(pointer.read_text(encoding="utf-8").strip()).parent == place


def kept_databases(state_dirs: tuple[Path, ...] = embedded.STATE_DIRS) -> list[Kept]:
    found = []
    for owner in sorted(file for state in state_dirs for file in state.glob("*/data_dir")):
        data_dir = Path(owner.read_text(encoding="utf-8").strip())
        found.append(Kept(owner.parent, data_dir, _points_at(data_dir, owner.parent)))
    return found


def _programs() -> Iterator[Path]:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            yield (process / "exe").readlink()
        except OSError:
            continue


def forget_old_binaries(state_dirs: tuple[Path, ...] = embedded.STATE_DIRS) -> list[Path]:
    """Delete copies of other versions that no process runs, and drafts that an interrupted copy left."""
    current = f"{embedded.WHEEL}-{metadata.version(embedded.WHEEL)}"
    copies = [place for state in state_dirs for place in state.glob(f"{embedded.WHEEL}-*") if place.name != current]
    if copies:
        running = list(_programs())
        copies = [place for place in copies if not any(program.is_relative_to(place) for program in running)]
    before = time.time() - DRAFT_SECONDS
    drafts = [place for state in state_dirs for place in state.glob("tmp*") if place.stat().st_mtime < before]
    for place in (*copies, *drafts):
        shutil.rmtree(place, ignore_errors=True)
    return [*copies, *drafts]


def main() -> int:
    parser = argparse.ArgumentParser(prog="propbot.supervisor.kept", description=__doc__.partition("\n")[0])
    parser.add_argument("--delete", action="store_true", help="delete the databases whose data directory is gone")
    delete = parser.parse_args().delete
    for one in kept_databases():
        state = "in use by" if one.wanted else "left over from"
        sys.stdout.write(f"{one.place}  {one.megabytes:.0f} MB  {state} {one.data_dir}\n")
        if delete and not one.wanted and not one.data_dir.exists():
            shutil.rmtree(one.place)
            sys.stdout.write(f"{one.place}  deleted\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
