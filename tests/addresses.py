"""Addresses of this worker's own services, for a process that a test starts."""

from urllib.parse import quote

from django.db import connection


def database_url() -> str:
    """The test database as DATABASE_URL, over TCP or a unix socket."""
    values = connection.settings_dict
    port = f":{values['PORT']}" if values["PORT"] else ""
    return f"postgres://{values['USER']}@{quote(values['HOST'], safe='')}{port}/{values['NAME']}"
