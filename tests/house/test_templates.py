"""Pages carry no code of their own: the content security policy would refuse it, and so do we."""

import re

from tests.house.source import ROOT

TEMPLATES = sorted({*(ROOT / "templates").rglob("*.html"), *(ROOT / "propbot").rglob("templates/**/*.html")})
FORBIDDEN = {
    "an inline script": re.compile(r"<script(?![^>]*\b(src|nonce|type=\"application/json\"))", re.IGNORECASE),
    "an inline handler": re.compile(r"\son[a-z]+=[\"']", re.IGNORECASE),
    "a javascript address": re.compile(r"javascript:", re.IGNORECASE),
    "text that is not escaped": re.compile(r"\|\s*safe\b|{%\s*autoescape off"),
    "something from another host": re.compile(r"(src|href)=[\"'](https?:)?//", re.IGNORECASE),
}


def test_no_template_holds_what_the_policy_refuses() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {what}"
        for path in TEMPLATES
        for what, pattern in FORBIDDEN.items()
        if pattern.search(path.read_text(encoding="utf-8"))
    ]
    assert wrong == []
