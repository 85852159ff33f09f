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


def test_make_help_names_every_target() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    told = set(re.findall(r"[a-z-]+", "\n".join(re.findall(r'@echo "(make .*)"', text))))
    targets = {word for line in re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE) for word in line.split()}
    assert sorted(targets - told - {"help", "install", "install-dev", "clean", "format"}) == []
