"""CSV that a spreadsheet cannot be tricked by. Pure."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

from propbot.http.tables import FORMULA_STARTS as FORMULA_STARTS
from propbot.http.tables import neutral as neutral


def flatten(value: Any, prefix: str = "") -> Iterable[tuple[str, object]]:
    """Nested mappings and lists as dotted keys, in their own order."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from flatten(inner, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(value, list | tuple):
        if not value:
            yield prefix, "[]"
        for index, inner in enumerate(value):
            yield from flatten(inner, f"{prefix}.{index}" if prefix else str(index))
    else:
        yield prefix, value


def sections_csv(sections: Mapping[str, Any]) -> str:
    """``section,key,value`` rows of a report."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(("section", "key", "value"))
    for section, content in sections.items():
        for key, value in flatten(content):
            writer.writerow((neutral(section), neutral(key or "value"), neutral(_plain(value))))
    return out.getvalue()


def _plain(value: object) -> object:
    return json.dumps(value) if isinstance(value, bool) else value
