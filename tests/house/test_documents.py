"""What is generated is current, and links lead somewhere."""

import re

from propbot.upkeep.management.commands.write_configuration import document
from tests.house.source import ROOT

LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)#\s]+)")


def test_the_page_of_settings_is_current() -> None:
    assert (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8") == document()


def test_every_link_between_documents_leads_to_a_file() -> None:
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in LINK.findall(page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert broken == []
