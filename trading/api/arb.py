"""Preview, execute, the opportunity and its confirmation."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from approvals.api.authentication import token_found
from approvals.api.base import EVERYONE, OPERATORS, DeskView
from approvals.roles import person_of
from audit.context import current_actor
from propbot.clock import utc_now
from propbot.errors import RefusedError
from risk.registry import DEFAULT_STRATEGY
from risk.selectors import control_read
from trading.api.bodies import ConfirmBody, ExecuteBody, PreviewBody
from trading.choices import AttemptKind
from trading.entry_types import Answer, EntryRequest
from trading.models import Opportunity
from trading.selectors.opportunities import opportunity_payload
from trading.services.preview import entry_preview
from trading.services.submission import entry_submit


def answered(answer: Answer) -> Response:
    return Response(answer.body, status=answer.status_code)


def asked_by_caller(request: EntryRequest) -> EntryRequest:
    """Identity is the caller's, whatever the body claimed."""
    actor = current_actor()
    return replace(request, initiator=actor.name, initiator_id=actor.person_id, channel=actor.channel)


class PreviewView(DeskView):
    """Reads only, so every role may ask, and nothing of it is limited or recorded as an attempt."""

    write_roles = EVERYONE
    never_limited = True

    def post(self, request: Request) -> Response:
        body = self.body(request, PreviewBody)
        return Response(
            entry_preview(
                symbol=body["symbol"],
                min_spread=body.get("min_spread"),
                min_spread_bps=body.get("min_spread_bps"),
                notional_usdt=body.get("notional"),
            )
        )


class ExecuteView(DeskView):
    write_roles = OPERATORS

    def post(self, request: Request) -> Response:
        body = self.body(request, ExecuteBody)
        wanted = EntryRequest(
            kind=AttemptKind.EXECUTE,
            symbol=body["symbol"],
            notional_usdt=body["notion_usdt"],
            leverage=body["leverage"],
            strategy=DEFAULT_STRATEGY,
            min_spread=body.get("min_spread"),
            min_spread_bps=body.get("min_spread_bps"),
            reason=body["reason"],
        )
        return answered(entry_submit(request=asked_by_caller(wanted)))


class OpportunityView(DeskView):
    def get(self, request: Request) -> Response:
        return Response(opportunity_payload())


class ConfirmView(DeskView):
    """The caller's own token once more: a session left open on a desk is not enough to trade."""

    write_roles = OPERATORS

    def post(self, request: Request) -> Response:
        body = self.body(request, ConfirmBody)
        assert_own_token(request, body["token"])
        opportunity = opportunity_for(body["opportunity_id"])
        return answered(entry_submit(request=asked_by_caller(confirmation(opportunity, body))))


def assert_own_token(request: Request, raw: str) -> None:
    found = token_found(raw)
    person = person_of(found.user) if found else None
    if person is None or str(person.pk) != current_actor().person_id:
        raise RefusedError("bad_token", "the token is not your own", status=401)


def opportunity_for(opportunity_id: UUID) -> Opportunity:
    found = Opportunity.objects.filter(pk=opportunity_id).first()
    if found is None:
        raise RefusedError("unknown_opportunity", "no such opportunity", status=404)
    if found.expires_at <= utc_now():
        raise RefusedError("expired", f"the opportunity expired at {found.expires_at:%H:%M:%S} UTC", status=410)
    return found


def confirmation(opportunity: Opportunity, body: dict[str, Any]) -> EntryRequest:
    """Only what is still viable: the same pair, and a net edge that still reaches the minimum."""
    return EntryRequest(
        kind=AttemptKind.CONFIRM,
        symbol=opportunity.symbol,
        notional_usdt=opportunity.notional_suggestion,
        leverage=opportunity.leverage_suggestion,
        strategy=opportunity.strategy,
        min_net_edge_bps=control_read().min_spread_bps,
        long_venue=opportunity.long_venue,
        short_venue=opportunity.short_venue,
        opportunity_id=str(opportunity.pk),
        reason=body["reason"],
    )
