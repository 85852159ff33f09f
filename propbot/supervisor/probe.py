"""Waiting until something answers, by asking it."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import psycopg
import redis
from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict

ASK_SECONDS = 2.0


def http_json(url: str, *, timeout: float = ASK_SECONDS) -> tuple[int, dict[str, Any]]:
    """Status and JSON object; (0, {}) when nothing answers, an empty object when it is not JSON."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:  # noqa: S310 - our own http addresses
            return answer.status, _object(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, _object(error.read())
    except OSError:
        return 0, {}


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def create_database(url: str) -> None:
    """Create the database of ``url`` through the server's ``postgres`` database."""
    name = str(conninfo_to_dict(url)["dbname"])
    with psycopg.connect(url, dbname="postgres", autocommit=True, connect_timeout=5) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def database_trouble(url: str) -> str | None:
    """Why the database does not answer, or None. A missing one is created where we may."""
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError as error:
        return _missing_or_down(url, error)
    return None


def _missing_or_down(url: str, error: psycopg.OperationalError) -> str | None:
    if "does not exist" not in str(error):
        return str(error).strip()
    try:
        create_database(url)
    except errors.DuplicateDatabase:
        return None
    except psycopg.Error as refused:
        return f"the database is missing and cannot be created: {refused}".strip()
    return None


def redis_trouble(url: str) -> str | None:
    client = redis.Redis.from_url(url, socket_timeout=ASK_SECONDS, socket_connect_timeout=ASK_SECONDS)
    try:
        client.ping()
    except redis.RedisError as error:
        return str(error)
    finally:
        client.close()
    return None


def simulator_trouble(url: str) -> str | None:
    status, _ = http_json(f"{url}/control/state")
    return None if status == 200 else f"{url}/control/state answers {status or 'nothing'}"


def health_trouble(url: str) -> str | None:
    status, body = http_json(f"{url}/healthz", timeout=5)
    if status == 200 and body.get("ok") is True:
        return None
    failing = body.get("failing")
    return ", ".join(map(str, failing)) if isinstance(failing, list) else "web does not answer"


Trouble = Callable[[], str | None]
