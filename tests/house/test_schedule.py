"""The beat's table names real tasks and lets every tick expire."""

import pytest

from propbot import config
from propbot.celery import app
from propbot.schedule import entries

TABLE = entries(config.values())


@pytest.mark.parametrize("name", TABLE)
def test_a_scheduled_task_exists_and_expires(name: str) -> None:
    app.loader.import_default_modules()
    entry = TABLE[name]
    assert entry["task"] in app.tasks
    assert entry["options"]["queue"] in ("trading", "ops")
    assert entry["options"]["expire_seconds"] > 0
