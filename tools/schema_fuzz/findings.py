"""What a run found: how many were asked, what was answered, and what should not have been."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_SHOWN = 40


@dataclass
class Findings:
    asked: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def note(self, what: str, example: str) -> None:
        self.faults[what] += 1
        self.examples.setdefault(what, example[:500])

    @property
    def total(self) -> int:
        return sum(self.asked.values())

    def document(self) -> dict[str, Any]:
        return {
            "asked": self.asked,
            "statuses": self.statuses,
            "faults": self.faults,
            "examples": self.examples,
        }

    def add(self, document: Mapping[str, Any]) -> None:
        """Another worker's findings to these."""
        self.asked.update(document["asked"])
        self.statuses.update({int(status): number for status, number in document["statuses"].items()})
        self.faults.update(document["faults"])
        self.examples = {**document["examples"], **self.examples}
