"""CSV that a spreadsheet cannot be tricked by. Pure."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

# A cell that starts with one of these may be read as a formula (RELIABILITY H15).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")


def neutral(cell: object) -> str:
    """Text of one cell; what could start a formula is prefixed with an apostrophe. NUL is dropped: CSV has none."""
    text = "" if cell is None else str(cell)
    dangerous = text.startswith(FORMULA_STARTS) or text.lstrip().startswith(FORMULA_STARTS)
    return ("'" if dangerous else "") + text.replace("\0", "")


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
