"""Components of the desk as people see them: group, status, one sentence. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any

GROUPS: Mapping[str, str] = {
    "P0": "stops trading or endangers money",
    "P1": "blinds the desk",
    "P2": "narrows what the desk may do",
    "P3": "keeps house",
}
# A component that nobody could read counts as broken: unknown is not fine.
WEIGHT: Mapping[str, Decimal] = {
    "OK": Decimal(1),
    "WARN": Decimal("0.5"),
    "HOLD": Decimal(0),
    "ERROR": Decimal(0),
    "NO DATA": Decimal(0),
}


@dataclass(frozen=True)
class Component:
    id: str
    title: str
    group: str
    status: str
    summary: str
    metrics: Mapping[str, Any] = field(default_factory=dict)
    since: str | None = None
    links: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in FIELDS}


FIELDS = tuple(one.name for one in fields(Component))


def group_scores(components: Iterable[Component]) -> dict[str, int | None]:
    """0 to 100 per group; None where a group has no component."""
    per_group: dict[str, list[Decimal]] = {group: [] for group in GROUPS}
    for component in components:
        per_group[component.group].append(WEIGHT[component.status])
    return {
        group: int(100 * sum(weights, Decimal(0)) / len(weights)) if weights else None
        for group, weights in per_group.items()
    }


def overall(components: Iterable[Component], *, hold_active: bool) -> str:
    """HOLD is said before anything else; an error of P0 or P1 makes the desk an ERROR."""
    if hold_active:
        return "HOLD"
    found = list(components)
    if any(item.status in {"ERROR", "NO DATA"} and item.group in {"P0", "P1"} for item in found):
        return "ERROR"
    return "OK" if all(item.status == "OK" for item in found) else "WARN"
