"""The one way in which a service says no: a code for programs, a sentence for people."""

from collections.abc import Mapping


class RefusedError(Exception):
    """A request that PropBot understood and refuses.

    ``code`` is what programs branch on, ``status`` the HTTP status that the contract gives it,
    ``context`` what stands beside the code in the answer (``cap``, ``field``, ...).
    """

    def __init__(
        self, code: str, message: str, *, status: int = 400, context: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.context: dict[str, object] = dict(context or {})


class RecordingFailedError(Exception):
    """The audit record could not be written, so the action did not happen (law 4)."""
