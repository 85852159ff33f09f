"""The cast, and a data directory that belongs to one test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import override_settings

from tests.access.people import cast  # noqa: F401 - a fixture


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path) -> Iterator[Path]:
    with override_settings(DATA_DIR=tmp_path):
        yield tmp_path
