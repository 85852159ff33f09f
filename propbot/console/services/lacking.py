"""What a restored database lacks, told by checkpoints that are newer than it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from audit.services.checkpoints import Checkpoint, checkpoints_read, signing_key
from audit.verification import checkpoint_fault
from propbot.upkeep.backup.cipher import BackupError


@dataclass(frozen=True)
class Lacking:
    """``records``: how many audit records newer checkpoints saw. Times are the checkpoints' own (ISO 8601)."""

    head_seq: int
    known_seq: int
    last_kept_at: str
    newest_at: str
    events: tuple[str, ...]

    @property
    def records(self) -> int:
        return max(0, self.known_seq - self.head_seq)

    @property
    def sentence(self) -> str:
        if not self.records:
            return "Nothing that a checkpoint knows of is lacking."
        first, last = self.head_seq + 1, self.known_seq
        named = f" Events signed meanwhile: {', '.join(self.events)}." if self.events else ""
        return (
            f"LACKING: {self.records} audit records, {first} to {last}, written after {self.last_kept_at or 'the start'} "
            f"and up to {self.newest_at}, and everything that was done with them: orders, fills, approvals, limits, "
            f"people and tokens.{named}"
        )

    def facts(self) -> dict[str, object]:
        return {**asdict(self), "records": self.records}


def split(lines: Sequence[Checkpoint], head_seq: int) -> tuple[list[Checkpoint], list[Checkpoint]]:
    """The checkpoints that the database must satisfy, and those that are newer than it."""
    kept = [line for line in lines if int(str(line["seq"])) <= head_seq]
    return kept, list(lines[len(kept) :])


def lacking_of(lines: Sequence[Checkpoint], head_seq: int) -> Lacking:
    kept, newer = split(lines, head_seq)
    events = tuple(dict.fromkeys(str(line["event"]) for line in newer if line["event"] not in ("minute", "backup")))
    return Lacking(
        head_seq=head_seq,
        known_seq=int(str(newer[-1]["seq"])) if newer else head_seq,
        last_kept_at=str(kept[-1]["at"]) if kept else "",
        newest_at=str(newer[-1]["at"]) if newer else "",
        events=events,
    )


def known_checkpoints(paths: Sequence[Path]) -> list[Checkpoint]:
    """The longest of the checkpoint files; each must be sound, and all must tell the same history."""
    read = [_sound(path) for path in paths if path.exists()]
    longest = max(read, key=len, default=[])
    for lines in read:
        if lines != longest[: len(lines)]:
            raise BackupError("the checkpoint files tell different histories: find out which one people hold")
    return longest


def _sound(path: Path) -> list[Checkpoint]:
    try:
        lines = checkpoints_read(path)
    except (OSError, ValueError) as error:
        raise BackupError(f"the checkpoints of {path.name} cannot be read: {error}") from error
    key = signing_key()
    fault = checkpoint_fault(lines, key.public_key()) if key else None
    if fault:
        raise BackupError(f"{path.name}: {fault.why}")
    return lines


def checkpoints_put(path: Path, lines: Sequence[Checkpoint]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(line, sort_keys=True, separators=(",", ":")) + "\n" for line in lines)
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
