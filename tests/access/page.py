"""``python -m tests.access.page`` writes docs/access.md from the matrix that the tests ask cell by cell."""

import os
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "access.md"
HEAD = """# Who may do what

Made by `python -m tests.access.page` from `tests/access/matrix.py`; a test fails when this page is not what the matrix
says, when a route or method of the product is missing in it, and when any cell answers otherwise than it stands here.

Every cell is asked over HTTP with a bearer token and with a session. 200 stands for "reached": the answer then depends
on the body and on the state of the desk.

- **anonymous**: no credential, or a bad one. **inactive**: a deactivated person's token or session.
- **superuser**: an account with the superuser flag and no group. It opens nothing here.
- **requester**: the operator who asked, on the routes that decide a request. Persons are compared, not accounts.
- A session also needs CSRF on everything that writes; without it the answer is 403.

| method | path | viewer | auditor | operator | requester | anonymous | inactive | superuser | recorded |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""
UNRECORDED = """
## What leaves no audit record

Reading is not recorded, but for the snapshot, which writes a file. Of what is posted, only the preview is not: it
changes nothing. A refusal with 401 or 403 of a mutating route is recorded whatever the route. A test does the work of
every mutating route and proves this list exact; a repeated request that changes nothing leaves no second record.

"""
NOTE = """
## Routes without a role

Public: `/livez`, `/healthz`, `/health`, the login and its static files. `/metrics` answers addresses of its network
only. The pages under `/ui/` and `/docs` ask for a session or a bearer token by themselves, and the admin for staff.

"""


def _row(method: str, pattern: str, letters: str) -> str:
    from tests.access.matrix import NOT_THE_REQUESTER, unaudited

    may = ["200" if letter in letters else "403" for letter in "VAO"]
    requester = "403" if pattern in NOT_THE_REQUESTER else ("200" if "O" in letters else "403")
    recorded = "no" if (method, pattern) in unaudited() else "yes"
    shown = "/" + pattern.replace("<uuid:", "{").replace("<str:", "{").replace(">", "}")
    return f"| {' | '.join([method, f'`{shown}`', *may, requester, '401', '401', '403', recorded])} |"


def render() -> str:
    from tests.access.matrix import OTHER_ROUTES, cells, unaudited

    rows = sorted((r.pattern, method, letters) for r, method, letters in cells())
    table = "\n".join(_row(method, pattern, letters) for pattern, method, letters in rows)
    silent = "\n".join(f"- `{method} /{pattern}`" for pattern, method in sorted((p, m) for m, p in unaudited()))
    others = ", ".join(f"`/{route}`" for route in sorted(OTHER_ROUTES))
    return f"{HEAD}{table}\n{UNRECORDED}{silent}\n{NOTE}{others}\n"


def main() -> int:
    import tests.environment  # noqa: F401 - sets the settings that the routes are loaded with

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "propbot.settings")
    import django

    django.setup()
    PAGE.write_text(render(), encoding="utf-8")
    sys.stdout.write("docs/access.md\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
