"""The inside of a backup: members one after another, each hashed, and a manifest that names them all."""

import hashlib
import json
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from propbot.upkeep.backup.cipher import BackupError

MANIFEST = "manifest.json"
LARGEST_PART = 64 << 20


@dataclass(frozen=True)
class Member:
    """One table or file: its size in bytes, its SHA-256, and for a table its rows and columns."""

    name: str
    kind: str
    bytes: int
    sha256: str
    rows: int | None = None
    columns: tuple[str, ...] = ()


class ContainerWriter:
    """Writes members through ``write``; the manifest comes last."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self.members: list[Member] = []

    def add(
        self, name: str, kind: str, parts: Iterable[bytes], *, rows: int | None = None, columns: tuple[str, ...] = ()
    ) -> Member:
        """Stream one member. ``rows`` is checked by whoever reads it back; None for files."""
        size, digest = 0, hashlib.sha256()
        self._frame(name.encode())
        for part in parts:
            if part:
                self._frame(part)
                digest.update(part)
                size += len(part)
        self._write(struct.pack(">I", 0))
        member = Member(name, kind, size, digest.hexdigest(), rows, columns)
        self.members.append(member)
        return member

    def close(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """The manifest: the given facts and every member so far."""
        manifest = {**facts, "members": [asdict(member) for member in self.members]}
        self._frame(MANIFEST.encode())
        self._frame(json.dumps(manifest, sort_keys=True).encode())
        self._write(struct.pack(">I", 0))
        return json.loads(json.dumps(manifest))  # type: ignore[no-any-return]

    def _frame(self, data: bytes) -> None:
        for start in range(0, len(data), LARGEST_PART):
            part = data[start : start + LARGEST_PART]
            self._write(struct.pack(">I", len(part)))
            self._write(part)


class _Frames:
    """Length-prefixed frames out of pieces of any size."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._held = pieces, bytearray()

    def _take(self, count: int) -> bytes:
        while len(self._held) < count:
            piece = next(self._pieces, None)
            if piece is None:
                raise BackupError("the backup ends in the middle of a member")
            self._held += piece
        taken = bytes(self._held[:count])
        del self._held[:count]
        return taken

    def next(self) -> bytes:
        """The next frame; empty at the end of a member."""
        (length,) = struct.unpack(">I", self._take(4))
        if length > LARGEST_PART:
            raise BackupError("a part of the backup claims an impossible size")
        return self._take(length)

    def at_end(self) -> bool:
        while not self._held:
            piece = next(self._pieces, None)
            if piece is None:
                return True
            self._held += piece
        return False


Consumer = Callable[[str, Iterator[bytes]], None]


def _member_parts(frames: _Frames, digest: Any, counter: list[int]) -> Iterator[bytes]:
    while part := frames.next():
        digest.update(part)
        counter[0] += len(part)
        yield part


def read_members(pieces: Iterator[bytes], consume: Consumer) -> dict[str, Any]:
    """Hand every member to ``consume`` in order and return the manifest, which must name exactly what was read.

    What ``consume`` leaves unread is read and hashed all the same. Raises BackupError.
    """
    frames, seen = _Frames(pieces), []
    while True:
        name = frames.next().decode()
        digest, counter = hashlib.sha256(), [0]
        parts = _member_parts(frames, digest, counter)
        if name == MANIFEST:
            manifest: dict[str, Any] = json.loads(b"".join(parts))
            break
        consume(name, parts)
        for _ in parts:
            pass
        seen.append((name, counter[0], digest.hexdigest()))
    promised = [(one["name"], one["bytes"], one["sha256"]) for one in manifest["members"]]
    if seen != promised or not frames.at_end():
        raise BackupError("the members of the backup are not those of its manifest")
    return manifest
