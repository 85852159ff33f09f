"""Every command explains itself."""

from importlib import import_module
from pathlib import Path

import pytest

from tests.house.source import PACKAGES, ROOT


def own_commands() -> list[str]:
    found: list[Path] = []
    for package in PACKAGES:
        found += (ROOT / package).rglob("management/commands/*.py")
    names = (path.relative_to(ROOT).with_suffix("") for path in found if not path.stem.startswith("_"))
    return sorted(".".join(name.parts) for name in names)


@pytest.mark.parametrize("module", own_commands())
def test_a_management_command_has_help(module: str) -> None:
    assert len(import_module(module).Command.help.strip()) > 20
