"""The configuration in one figure, and what differs between two of them. Secrets count as set or unset only."""

import hashlib
import json
from collections.abc import Mapping

from propbot.config import SETTINGS
from propbot.env import Values

PER_PROCESS = frozenset({"PROCESS", "API_TOKEN"})


def settings_table(values: Values) -> dict[str, str]:
    """Every setting that all processes share, as text; of a secret only whether it is set."""
    table = {}
    for setting in SETTINGS:
        if setting.name in PER_PROCESS:
            continue
        value = values.table[setting.name]
        table[setting.name] = ("set" if value else "unset") if setting.kind == "secret" else _text(value)
        if setting.scope:
            table[f"{setting.name}__*"] = _text(values.scoped(setting.name))
    return table


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ",".join(f"{key}:{value[key]}" for key in sorted(value))
    if isinstance(value, tuple):
        return ",".join(str(item) for item in value)
    return "" if value is None else str(value)


def fingerprint(table: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(dict(table), sort_keys=True).encode()).hexdigest()[:16]


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[dict[str, str]]:
    """``name``, ``before`` and ``after`` of each setting that is not the same in both."""
    return [
        {"name": name, "before": before.get(name, ""), "after": after.get(name, "")}
        for name in sorted({*before, *after})
        if before.get(name, "") != after.get(name, "")
    ]
