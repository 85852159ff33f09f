"""Becomes another program that cannot outlive its parent.

Run as a file, with the standard library only: ``launch.py PARENT SIGNAL OWNER NICE COMMAND…``, where OWNER
is ``-`` or ``uid:gid`` and NICE how far behind the others it computes. The death signal is set after the change of user, because setuid clears it, and the
parent is compared afterwards, because it may have died before the request took effect.
"""

import ctypes
import os
import signal
import sys
from contextlib import suppress

PR_SET_PDEATHSIG = 1


def go_after_others(nice: int) -> None:
    """Linux shares a core among sessions first (autogroup), and each child is a session of its own: there the nice value
    alone would only order it behind itself."""
    os.nice(nice)
    if nice:
        with suppress(OSError), open("/proc/self/autogroup", "w", encoding="ascii") as group:  # noqa: PTH123 - without pathlib it starts sooner
            group.write(str(nice))


def become(owner: str) -> None:
    if owner == "-":
        return
    uid, gid = (int(part) for part in owner.split(":"))
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def die_with_parent(number: int, parent: int) -> None:
    """Linux sends ``number`` when the parent is gone; elsewhere only an orderly stop ends the children."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(f"parent {parent} is gone")


def main() -> None:
    parent, number, owner, nice, *command = sys.argv[1:]
    go_after_others(int(nice))
    become(owner)
    die_with_parent(signal.Signals[number], int(parent))
    os.execvp(command[0], command)  # noqa: S606 - becoming that program is the purpose


if __name__ == "__main__":
    main()
