"""A container's own counters, and what does not make two processes unlike."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from django.test import override_settings

from propbot.config import values
from propbot.upkeep.likeness import config_figure
from tests.house.source import ROOT

PROGRAM = """
import django, sys
django.setup()
import propbot.metrics
from propbot.exposition import serve_metrics
serve_metrics()
sys.stdin.read()
"""


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def counters(port: int, process: subprocess.Popen) -> str:
    deadline = time.monotonic() + 60
    while True:
        assert process.poll() is None
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                return answer.read().decode()
        except urllib.error.URLError:
            assert time.monotonic() < deadline
            time.sleep(0.005)


def test_a_process_serves_its_counters_on_the_port_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    for name, value in {"METRICS_PORT": str(port), "DATA_DIR": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    with subprocess.Popen([sys.executable, "-c", PROGRAM], cwd=ROOT, stdin=subprocess.PIPE) as process:
        text = counters(port, process)
        process.communicate(timeout=60)
    assert "risk_skips_total" in text
    assert "propbot_orders_sent" in text


def test_where_a_process_listens_does_not_make_it_unlike() -> None:
    before = config_figure()
    with override_settings(PROPBOT=values().replace(METRICS_PORT=9100, PORT=9000)):
        assert config_figure() == before
    with override_settings(PROPBOT=values().replace(MAX_LEVERAGE=values().decimal("MAX_LEVERAGE") + 1)):
        assert config_figure() != before
