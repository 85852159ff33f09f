"""Which errors mean that the database is away, as against those that name a fault of ours."""

from django.db import InterfaceError, InternalError, OperationalError

# PostgreSQL ended the session: it idled in a transaction, or the transaction took too long. The driver files both
# under errors of ours.
ENDED_SESSIONS = frozenset({"25P03", "25P04"})


def database_away(error: BaseException) -> bool:
    if isinstance(error, InternalError):
        return getattr(error.__cause__, "sqlstate", None) in ENDED_SESSIONS
    return isinstance(error, OperationalError | InterfaceError)
