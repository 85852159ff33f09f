"""Which form an answer takes: a view with one form gives that one, whatever is accepted."""

from collections.abc import Iterable
from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class OneFormNegotiation(DefaultContentNegotiation):
    """No 406 and no 404 for ``?format=`` where there is nothing to choose from."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> Any:
        forms = list(renderers)
        if len(forms) == 1:
            return forms[0], forms[0].media_type
        return super().select_renderer(request, forms, format_suffix)
