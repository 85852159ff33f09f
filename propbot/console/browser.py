"""Headless Chromium against a running desk: for the screenshots in the documents. Needs playwright (requirements-dev)."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"]


class BrowserMissingError(RuntimeError):
    """No Chromium or no playwright on this machine."""


def chromium_path() -> str:
    found = next((path for path in map(shutil.which, CHROMIUM) if path), None)
    if found is None:
        raise BrowserMissingError("no Chromium on this machine: apt-get install chromium")
    return found


@contextmanager
def chromium() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise BrowserMissingError("playwright is missing: pip install -r requirements-dev.txt") from error
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def signed_in(
    browser: Any,
    base_url: str,
    name: str,
    password: str,
    *,
    prepare: Callable[[Any], None] | None = None,
    **options: Any,
) -> Any:
    """A page of a browser context of its own, signed in and on the dashboard."""
    page = browser.new_context(base_url=base_url, **options).new_page()
    if prepare is not None:
        prepare(page)
    page.goto("/ui/login")
    page.fill("#id_username", name)
    page.fill("#id_password", password)
    page.click("button[type=submit]")
    page.wait_for_url("**/ui/dashboard")
    page.wait_for_selector("body[data-link=live]", timeout=15_000)
    return page


def shoot(page: Any, path: Path, *, whole: bool = True) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(path), full_page=whole, animations="disabled")
