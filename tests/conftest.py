"""What every test stands on: own databases per worker, loopback only, the state that migrations leave."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.db import connections
from django.test import TransactionTestCase, override_settings

from propbot.console.kept import forget_all
from tests.seed import seed_keep, seed_restore


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """A test's own transaction lasts as long as the test: only real processes keep the two seconds."""
    options = connections["default"].settings_dict["OPTIONS"]
    for name, seconds in (("idle_in_transaction_session_timeout", 2), ("statement_timeout", 5)):
        options["options"] = options["options"].replace(f"{name}={seconds}000", f"{name}=60000")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    """Restore the migrations' rows after each transactional test, instead of Django's flush."""
    from tests.access.people import keep_cast  # models: not before Django is set up

    with django_db_blocker.unblock():
        _spare_the_disk()
        statement = seed_keep()
        keep_cast()
        seed_restore(statement)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _: seed_restore(statement))
        yield


def _spare_the_disk() -> None:
    """No commit of a test waits for its disk: the database dies with the run, and no test cuts the power."""
    name = connections["default"].settings_dict["NAME"]
    with connections["default"].cursor() as cursor:
        cursor.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
        cursor.execute("SET synchronous_commit = off")


@pytest.fixture(scope="session", autouse=True)
def static_files_on_demand() -> Iterator[None]:
    """Else every client of a test begins by listing each static file of every package."""
    with override_settings(WHITENOISE_AUTOREFRESH=True):
        yield


@pytest.fixture(scope="session")
def redis_client() -> Iterator[redis.Redis]:
    """A client of this worker's own Redis database."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    yield client
    client.close()


@pytest.fixture(autouse=True)
def no_other_history(request: pytest.FixtureRequest) -> None:
    """The rows begin anew with each test; files that speak of an earlier test's would call that an exchanged database."""
    if request.node.get_closest_marker("django_db") or {"db", "transactional_db"} & set(request.fixturenames):
        for name in ("audit/checkpoints.jsonl", "generation.json"):
            (Path(settings.DATA_DIR) / name).unlink(missing_ok=True)


@pytest.fixture(autouse=True)
def empty_redis(request: pytest.FixtureRequest) -> None:
    """Tests that touch the database also start with an empty Redis database, and with nothing kept from other rows."""
    if request.node.get_closest_marker("django_db") or {"db", "transactional_db"} & set(request.fixturenames):
        request.getfixturevalue("redis_client").flushdb()
        forget_all()
