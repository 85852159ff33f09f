"""The probes say what is dead, by name, and never an inside."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings
from redis.exceptions import ConnectionError as RedisConnectionError

from propbot.config import values
from propbot.console.selectors import health
from propbot.upkeep.services import heartbeat_note
from risk.models import TraderLease
from trading.models import TaskState
from trading.quotes import VenueStream, board

pytestmark = pytest.mark.django_db(transaction=True)
EVERYTHING = {"trader", "worker", "beat", "scanner", "stream"}


def everyone_lives() -> None:
    now = datetime.now(UTC)
    for name in ("beat", "queue:ops", "queue:trading"):
        heartbeat_note(name=name)
    later = now + timedelta(seconds=10)
    TraderLease.objects.update_or_create(pk=1, defaults={"holder": "t", "epoch": 1, "expires_at": later})
    TaskState.objects.update_or_create(name="scanner", defaults={"ran_at": now})
    board().put_stream_state(now, {"okx-perp": VenueStream(True, now, 0, 0)})


def failing(client: Any) -> set[str]:
    answer = client.get("/healthz")
    body = answer.json()
    assert answer.status_code == (200 if body["ok"] else 503)
    return set(body.get("failing", []))


def test_the_process_is_live_whatever_else_is_dead(client: Any) -> None:
    assert client.get("/livez").json() == {"ok": True}


@pytest.mark.parametrize("path", ["/healthz", "/health"])
def test_a_whole_desk_is_ok(client: Any, path: str) -> None:
    everyone_lives()
    assert client.get(path).json() == {"ok": True}


def test_each_dead_part_is_named(client: Any) -> None:
    assert failing(client) == EVERYTHING
    everyone_lives()
    TraderLease.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert failing(client) == {"trader"}
    everyone_lives()
    TaskState.objects.update(ran_at=datetime.now(UTC) - timedelta(minutes=2))
    assert failing(client) == {"scanner"}


def test_redis_down_is_named(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    everyone_lives()

    class Dead:
        def ping(self) -> bool:
            raise RedisConnectionError

    monkeypatch.setattr(health, "client", Dead)
    assert failing(client) == {"redis"}


def test_the_simulator_profile_waits_for_the_demo_accounts(client: Any, data_dir: Path) -> None:
    everyone_lives()
    document: dict[str, Any] = {"base_url": "b", "simulator_url": "s", "flower_url": "f", "approve_token": "t"}
    with override_settings(PROPBOT=values().replace(PROFILE="simulator")):
        assert failing(client) == {"demo_accounts"}
        (data_dir / "demo-accounts.json").write_text(json.dumps({**document, "people": {}}))
        assert failing(client) == {"demo_accounts"}
        people = {name: {"role": "r", "password": "p", "token": "t"} for name in ("alice", "bob", "vera", "otto")}
        (data_dir / "demo-accounts.json").write_text(json.dumps({**document, "people": people}))
        assert failing(client) == set()


def test_metrics_are_for_the_private_network_only(client: Any) -> None:
    with override_settings(PROPBOT=values().replace(MODE="desk-7")):
        text = client.get("/metrics").content.decode()
    assert 'propbot_desk_flag{flag="hold_active",mode="desk-7"} 1.0' in text
    assert "# TYPE risk_skips_total counter" in text
    assert client.get("/metrics", REMOTE_ADDR="8.8.8.8").status_code == 403
