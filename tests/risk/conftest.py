"""The cast, and trading's ports as plain figures that a test sets."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings
from django.urls import get_resolver

from propbot.config import values
from risk import ports as risk_ports
from tests.risk.figures import Cast, Figures, make_person


@pytest.fixture(scope="session", autouse=True)
def loaded_routes() -> None:
    """Imported before a test's transaction begins: the database ends one that idles for two seconds."""
    assert get_resolver().url_patterns


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path) -> Iterator[Path]:
    with override_settings(DATA_DIR=tmp_path):
        yield tmp_path


@pytest.fixture
def figures() -> Iterator[Figures]:
    before = list(risk_ports._registered)
    facts = Figures()
    risk_ports.register(facts.ports())
    yield facts
    risk_ports._registered[:] = before


@pytest.fixture
def setting() -> Iterator[Callable[..., None]]:
    """``setting(TWO_MAN_RULE=False)``: replaces values of the environment until the test ends."""
    stack: list[AbstractContextManager[None]] = []

    def change(**changes: Any) -> None:
        override = override_settings(PROPBOT=values().replace(**changes))
        override.enable()
        stack.append(override)

    yield change
    for override in reversed(stack):
        override.disable()


@pytest.fixture
def cast() -> Cast:
    return Cast(
        make_person("alice", "operator"),
        make_person("bob", "operator"),
        make_person("vera", "viewer"),
        make_person("otto", "auditor"),
    )
