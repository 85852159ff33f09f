"""The commands that change something: the same services as the API's, under the actor of the message."""

from uuid import UUID

from approvals.models import ApprovalRequest
from approvals.selectors import pending_requests
from approvals.services import approval_decide
from audit.context import current_actor
from propbot.errors import RefusedError
from propbot.http.fields import parse_number
from risk.services.control import control_change
from risk.services.desk import resume, resume_request
from risk.services.hold import hold_engage
from risk.services.limits import limit_change
from trading.choices import HEDGE_ENDED, AttemptKind
from trading.models import Hedge
from trading.services.kill_requests import CANCEL_ALL, KILL, stop_request
from trading.services.submission import reduction_submit

SHORTEST_PREFIX = 8
APPROVE_USAGE = "/approve REFERENCE CODE, with the code of your authenticator app"


def reference(row: ApprovalRequest) -> str:
    """Names the request and what it holds: a payload that changed since it was shown has another reference."""
    return f"{str(row.pk)[:SHORTEST_PREFIX]}-{row.payload_digest[:SHORTEST_PREFIX]}"


def waiting(row: ApprovalRequest) -> str:
    return f"Asked: {row.sentence}\nAwaiting second confirmation, valid until {row.expires_at:%H:%M:%S} UTC."


def usage(text: str) -> RefusedError:
    return RefusedError("usage", f"use: {text}")


def hold(text: str) -> str:
    result = hold_engage(reason=text or "no reason given", source=current_actor().name)
    wire = "could not be read" if result.in_flight is None else ", ".join(result.in_flight) or "none"
    return f"HOLD #{result.hold_id} stands. Orders on the wire: {wire}."


def ask_resume(text: str) -> str:
    if not text:
        raise usage("/resume_request REASON")
    return waiting(resume_request(reason=text))


def approve(text: str) -> str:
    """Without words: what waits. With a reference and a code: decide exactly that."""
    words = text.split()
    if not words:
        return _pending_text()
    if len(words) != 2:
        raise usage(APPROVE_USAGE)
    row = _referred(words[0])
    approval_decide(approval_id=row.pk, approve=True, token="", otp=words[1], seen_digest=row.payload_digest)
    return f"Approved and done: {row.sentence}"


def _pending_text() -> str:
    rows = [
        f"{reference(row)}: {row.sentence}\n  by {row.requested_by_name}: {row.reason or 'no reason given'}"
        for row in pending_requests()
    ]
    return "\n".join([*rows, f"Use {APPROVE_USAGE}."]) if rows else "Nothing waits for approval."


def _referred(text: str) -> ApprovalRequest:
    found = [row for row in pending_requests() if reference(row) == text.lower()]
    if len(found) != 1:
        raise RefusedError("not_found", "nothing of that reference waits; /approve lists what does", status=404)
    return found[0]


def run(text: str) -> str:
    return f"Mode is {resume(reason=text).mode}."


def kill(text: str) -> str:
    return f"HOLD and SAFE_MODE stand. {waiting(stop_request(action=KILL, reason=text))}"


def cancel_all(text: str) -> str:
    return f"HOLD and SAFE_MODE stand. {waiting(stop_request(action=CANCEL_ALL, reason=text))}"


def close(text: str) -> str:
    what, _, reason = text.partition(" ")
    if not what:
        raise usage("/close HEDGE or /close all")
    hedge = None if what == "all" else _hedge(what)
    kind = AttemptKind.CLOSE if hedge else AttemptKind.CLOSE_ALL
    answer = reduction_submit(kind=kind, hedge=hedge, reason=reason or "operator_close")
    status = answer.body.get("status") or ("done" if answer.status_code < 300 else "refused")
    return f"{'Hedge ' + str(hedge.pk)[:SHORTEST_PREFIX] if hedge else 'All hedges'}: {status}."


def _hedge(text: str) -> Hedge:
    """By its id or the beginning of it, among those that are not over."""
    if len(text) < SHORTEST_PREFIX:
        raise usage("/close HEDGE, with at least eight characters of its id")
    held = [pk for pk in Hedge.objects.exclude(status__in=HEDGE_ENDED).values_list("pk", flat=True) if _named(pk, text)]
    if len(held) != 1:
        raise RefusedError("unknown_position", "no such open hedge; /positions lists them", status=404)
    return Hedge.objects.get(pk=held[0])


def _named(pk: UUID, text: str) -> bool:
    return str(pk).startswith(text.lower())


def raise_limit(text: str) -> str:
    name, _, rest = text.partition(" ")
    number, _, reason = rest.strip().partition(" ")
    if not name or not number:
        raise usage("/raise_limit NAME VALUE REASON")
    result = limit_change(name=name.upper(), value=parse_number("value", number), reason=reason)
    return waiting(result.pending) if result.pending else f"{result.name} is {result.value:f}: lowered at once."


def exit_dry_run(text: str) -> str:
    result = control_change(changes={"dry_run_mode": False}, reason=text)
    return waiting(result.pending) if result.pending else "Dry run is off already."
