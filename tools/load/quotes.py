"""How many quotes the stream took in, from the desk's own counters."""

import re
import urllib.request

COUNTED = re.compile(
    r'^propbot_quote_gap_seconds_count\{[^}]*venue="(?P<venue>[^"]+)"[^}]*\} (?P<count>\S+)$', re.MULTILINE
)


def counted(text: str) -> dict[str, float]:
    """Quotes by venue since the stream's start, out of the text of /metrics."""
    found: dict[str, float] = {}
    for match in COUNTED.finditer(text):
        found[match["venue"]] = found.get(match["venue"], 0.0) + float(match["count"])
    return found


def read(base_url: str) -> dict[str, float]:
    with urllib.request.urlopen(f"{base_url}/metrics", timeout=10) as answer:  # noqa: S310 - our own desk
        return counted(answer.read().decode())


def rates(before: dict[str, float], after: dict[str, float], seconds: float) -> dict[str, float]:
    return {venue: (count - before.get(venue, 0.0)) / seconds for venue, count in after.items()}
