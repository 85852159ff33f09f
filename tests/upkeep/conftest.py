"""Each test has a data directory and a backup key of its own."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import override_settings

from propbot.config import values

BACKUP_KEY = base64.urlsafe_b64encode(b"tests-only-backup-key-32-bytes!!").decode()


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "data"
    place.mkdir()
    with override_settings(DATA_DIR=place, PROPBOT=values().replace(BACKUP_ENC_KEY=BACKUP_KEY)):
        yield place
