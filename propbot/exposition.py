"""A process's own counters over HTTP, where processes do not share a directory: one container, one scrape target.

On one machine the web process adds the files of all processes up (PROMETHEUS_MULTIPROC_DIR). Containers must not share
that directory, because their process ids are the same; there each serves its own on METRICS_PORT, inside the network.
"""

from prometheus_client import start_http_server

from propbot.config import values

_served: list[int] = []


def serve_metrics() -> None:
    """Begin once per process; 0 serves nothing."""
    port = values().integer("METRICS_PORT")
    if port and not _served:
        start_http_server(port, addr="0.0.0.0")  # noqa: S104 - inside the compose network alone # nosec B104
        _served.append(port)
