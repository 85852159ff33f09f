"""CSV that a spreadsheet cannot be tricked by. Pure."""

import csv
import io
from collections.abc import Iterable, Sequence

# What a spreadsheet may read as the beginning of a formula (RELIABILITY H15).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")


def neutral(cell: object) -> str:
    """The text of one cell; one that could begin a formula gets an apostrophe before it. NUL is dropped."""
    text = "" if cell is None else str(cell)
    dangerous = text.startswith(FORMULA_STARTS) or text.lstrip().startswith(FORMULA_STARTS)
    return ("'" if dangerous else "") + text.replace("\0", "")


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([neutral(cell) for cell in row] for row in rows)
    return out.getvalue()
