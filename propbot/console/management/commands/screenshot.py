"""Pictures of a running desk, for the README and the guides."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from propbot.console.browser import BrowserMissingError, chromium, shoot, signed_in

WIDTHS = {"phone": (360, 780), "tablet": (768, 1024), "desk": (1440, 1200)}
VIEWS = (("phone", "dark"), ("tablet", "light"), ("desk", "dark"), ("desk", "light"))
# The picture of the README: what fits on one screen.
FACE = "desk-light"


class Command(BaseCommand):
    help = "Take screenshots of a running desk (make run) into docs/images; needs Chromium and playwright."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--out", type=Path, default=Path("docs/images"), help="directory of the pictures")
        parser.add_argument("--wait", type=int, default=0, help="seconds to wait for an open hedge before each picture")
        parser.add_argument("--person", default="alice", help="who looks (from demo-accounts.json)")

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(settings.DATA_DIR) / "demo-accounts.json"
        try:
            accounts = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise CommandError(f"{path} is missing: start the desk with make run first") from error
        try:
            self._take(accounts, options["person"], options["out"], options["wait"])
        except BrowserMissingError as error:
            raise CommandError(str(error)) from error

    def _take(self, accounts: dict[str, Any], person: str, out: Path, wait: int) -> None:
        base_url, password = accounts["base_url"], accounts["people"][person]["password"]
        with chromium() as browser:
            for name, scheme in VIEWS:
                width, height = WIDTHS[name]
                view: dict[str, Any] = {"viewport": {"width": width, "height": height}, "color_scheme": scheme}
                page = signed_in(browser, base_url, person, password, **view)
                self._pages(page, out, f"{name}-{scheme}", wait)
                page.context.close()

    def _pages(self, page: Any, out: Path, suffix: str, wait: int) -> None:
        page.wait_for_timeout(1500)  # the first refresh of the sections
        if wait and not _hedge_shown(page, wait):
            self.stdout.write(f"{suffix}: no hedge opened within {wait} s")
        shoot(page, out / f"dashboard-{suffix}.png")
        if suffix == FACE:
            shoot(page, out / "dashboard.png", whole=False)
        page.goto("/ui/hedges")
        link = page.locator("main a[href^='/ui/hedges/']").first
        if link.count():
            link.click()
            page.wait_for_url("**/ui/hedges/*")
            shoot(page, out / f"hedge-{suffix}.png")
        self.stdout.write(f"{suffix}: done")


def _hedge_shown(page: Any, seconds: int) -> bool:
    for _ in range(seconds * 4):
        if page.locator("tr[data-hedge]").count():
            return True
        page.wait_for_timeout(250)
    return False
