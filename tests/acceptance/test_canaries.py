"""Twenty planted secrets, a desk that is used and abused, then a search of everything that it wrote or answered."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
import pytest
import redis

from tests.acceptance.desk import Desk, free_port_block, running_desk, wait_for
from tests.access.matrix import MATRIX

DATABASE = "propbot_canaries"
# Put in from outside. Exchange keys of the account never reach a simulated desk's venues; they must not reach a log.
PLANTED = {
    "BINANCE_API_KEY": "canary-binance-key-9f31c2a7",
    "BINANCE_API_SECRET": "canary-binance-secret-57ab20e1",
    "OKX_API_KEY": "canary-okx-key-0c4d77aa",
    "OKX_API_SECRET": "canary-okx-secret-b81e6f02",
    "OKX_API_PASSPHRASE": "canary-okx-passphrase-33d9",
    "TELEGRAM_BOT_TOKEN": "7310001:canary-telegram-token-66aa",
}
POSTED = {
    "rotated secret": "canary-rotated-value-4471fe",
    "wrong approve token": "canary-wrong-approve-88c1",
    "wrong password": "canary-wrong-password-19d0",
    "wrong bearer": "canary0wrong0bearer0" + "c" * 44,
    "password in a reason": "canary-in-a-reason-5b62",
    "break-glass code": "PBG-CANAR-YCODE-SEALE-DENVE-LOPES",
    "token in an address": "canary-in-an-address-70e4",
    "key in a name of a field": "canary-in-a-field-name-2c9d",
}
GENERATED = ("SECRET_KEY", "APPROVE_TOKEN", "AUDIT_HMAC_KEY", "AUDIT_SIGNING_KEY", "SECRETS_ENC_KEY")
# Where secrets live: the desk's own secrets, the demo people, the encrypted store, the trader's private key.
HOMES = ("secrets.env", "demo-accounts.json", "store.json", "trader/seal.key")


def database_url() -> str:
    server = os.environ.get("DATABASE_URL") or "postgres://postgres@127.0.0.1:5432/postgres"
    with psycopg.connect(urlunsplit(urlsplit(server)._replace(path="/postgres")), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {DATABASE}")
    return urlunsplit(urlsplit(server)._replace(path=f"/{DATABASE}"))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    data_dir = tmp_path_factory.mktemp("canaries") / "data"
    extra = {**PLANTED, "DATABASE_URL": database_url(), "SECRETS_STORE_PATH": str(data_dir / "store.json")}
    extra["REDIS_URL"] = os.environ["REDIS_URL"]
    data_dir.mkdir(parents=True)
    store = data_dir / "store.json"
    store.touch(mode=0o600)
    store.write_text('{"meta": {}}')
    # Its scanner and stream are no matter here, and on a busy machine they are late: only the start may take longer.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.acceptance.desk.START_SECONDS", 300)
        with running_desk(data_dir, free_port_block(), **extra) as given:
            yield given


def canaries(desk: Desk) -> dict[str, str]:
    lines = (desk.data_dir / "secrets.env").read_text().splitlines()
    own = dict(line.split("=", 1) for line in lines if "=" in line)
    people = desk.accounts["people"]
    return {
        **PLANTED,
        **POSTED,
        **{name: own[name] for name in GENERATED},
        **{f"token of {name}": row["token"] for name, row in people.items()},
        **{f"password of {name}": row["password"] for name, row in people.items()},
    }


def use(desk: Desk) -> list[httpx.Response]:
    """What operators do, what they do wrong, and every page and export."""
    token, answers = desk.accounts["approve_token"], []

    def call(method: str, path: str, who: str | None = "alice", body: Any = None, **headers: str) -> Any:
        answers.append(desk.call(method, path, who, body, **headers))
        return answers[-1]

    rotation = call("POST", "/api/ui/secret", "alice", {"value": POSTED["rotated secret"], "reason": "rotation"})
    assert rotation.status_code == 202, rotation.text
    asked = rotation.json()["request_id"]
    call("POST", f"/api/ui/approvals/{asked}/approve", "bob", {"token": POSTED["wrong approve token"]})
    assert call("POST", f"/api/ui/approvals/{asked}/approve", "bob", {"token": token}).status_code == 200
    call("POST", "/api/ui/hold", "alice", {"reason": f"password={POSTED['password in a reason']}"})
    call("POST", "/api/ui/hold", None, {}, Authorization=f"Bearer {POSTED['wrong bearer']}")
    call("POST", "/api/ui/resume-confirm", "bob", {"token": POSTED["wrong approve token"]})
    call("POST", "/api/ui/control", "alice", {"unknown": POSTED["wrong approve token"]})
    call("POST", "/api/ui/approvals/none/approve", "bob", {"token": token})
    code = POSTED["break-glass code"]
    glass = {"action": "hold", "codes": [code, code.lower()], "reason": f"envelopes {code} and {code.lower()}"}
    assert call("POST", "/api/ui/break-glass", "vera", glass).status_code == 403
    call("POST", "/api/ui/hold", "alice", {"reason": f"opened {code}"})
    # Not the admin's: whoever is sent to its login hears the own address again, and nobody else does.
    for path in ("/api/ui/alerts", "/ui/dashboard", "/nowhere"):
        call("GET", f"{path}?token={POSTED['token in an address']}")
    call("POST", "/api/ui/control", "alice", {f"api_key={POSTED['key in a name of a field']}": 1})
    call("POST", "/api/ui/snapshot", "otto", {})
    answers.append(
        httpx.post(desk.base_url + "/ui/login", data={"username": "alice", "password": POSTED["wrong password"]})
    )
    for pattern, methods in MATRIX.items():
        if "GET" in methods:
            call("GET", f"/{pattern}")
    for path in ("/ui/dashboard", "/ui/hedges", "/docs", "/healthz", "/livez", "/metrics", "/nowhere", "/admin/"):
        call("GET", path)
    return answers


def tables(url: str) -> dict[str, str]:
    """Every row of every table as text, as a dump holds it."""
    with psycopg.connect(url) as connection:
        names = [row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        return {
            name: "\n".join(row[0] for row in connection.execute(f'SELECT t::text FROM "{name}" t')) for name in names
        }


def redis_values(url: str) -> dict[str, str]:
    client = redis.Redis.from_url(url)
    readers = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1),
        b"stream": client.xrange,
    }
    kinds = {key: client.type(key) for key in client.scan_iter()}
    return {repr(key): repr(readers[kind](key)) for key, kind in kinds.items() if kind in readers}


def files(desk: Desk) -> dict[str, str]:
    """Everything below the data directory but the homes of secrets, and what the supervisor printed."""
    found = [path for path in desk.data_dir.rglob("*") if path.is_file()]
    kept = [path for path in found if str(path.relative_to(desk.data_dir)) not in HOMES]
    kept.append(desk.data_dir.parent / f"{desk.data_dir.name}.log")
    return {str(path): path.read_bytes().decode("utf-8", "replace") for path in kept}


def hits(places: dict[str, str], secrets: dict[str, str]) -> list[tuple[str, str]]:
    return [
        (name, place)
        for place, text in places.items()
        for name, value in secrets.items()
        if value in text or (value.startswith("PBG-") and value.lower() in text)
    ]


@pytest.mark.timeout(900)
def test_no_planted_secret_is_found_anywhere_but_at_home(desk: Desk) -> None:
    secrets = canaries(desk)
    assert len(secrets) >= 20
    answers = use(desk)
    store = desk.data_dir / "store.json"
    wait_for("the rotated secret is stored", store.read_text, lambda text: "binance_secret" in text, 60)
    url, redis_url = database_url_of(desk), os.environ["REDIS_URL"]
    assert hits({str(a.request.url): a.text + str(a.headers) for a in answers}, secrets) == []
    assert hits(files(desk), secrets) == []
    assert hits(tables(url), secrets) == []
    assert hits(redis_values(redis_url), secrets) == []
    assert secrets["rotated secret"] not in store.read_text()


def database_url_of(desk: Desk) -> str:
    lines = dict(
        line.split("=", 1) for line in (desk.data_dir / "run" / "desk.env").read_text().splitlines() if "=" in line
    )
    return lines["DATABASE_URL"]


def test_the_search_finds_what_is_there(desk: Desk, tmp_path: Path) -> None:
    """The net is not empty: a secret that is put into each kind of place is found in each."""
    (tmp_path / "log").write_text(json.dumps({"x": PLANTED["OKX_API_KEY"]}))
    client = redis.Redis.from_url(os.environ["REDIS_URL"])
    client.hset("canary-probe", mapping={"a": PLANTED["OKX_API_KEY"]})
    places = {"file": (tmp_path / "log").read_text(), **redis_values(os.environ["REDIS_URL"])}
    client.delete("canary-probe")
    assert len(hits(places, PLANTED)) == 2
