"""What a reconciliation round found, as rows, alerts, entry blocks and, above a limit, HOLD."""

from collections.abc import Sequence
from decimal import Decimal

from django.conf import settings

from audit.services import alert
from propbot.clock import utc_now
from risk.choices import BlockSource
from risk.services.hold import hold_engage_unless_held
from trading.models import ReconciliationDifference, ReconciliationRound
from trading.recon_math import Finding
from trading.services.quarantine import block

# Orders hold nothing yet: they block their symbol, and the position tells what they have done.
WITHOUT_SIZE = frozenset({"foreign_order", "missing_order"})


def differences_store(*, round_row: ReconciliationRound, findings: Sequence[Finding]) -> int:
    """A new difference is a row and an alert; a standing one is brought up to date. Each blocks entries of its symbol
    (of the venue, when it has none), and one above RECON_HOLD_USDT stops the desk. Answers how many are new."""
    new = 0
    for finding in findings:
        new += _store(round_row, finding)
        block(source=BlockSource.RECONCILIATION, reason=_sentence(finding), symbol=finding.symbol,
              venue="" if finding.symbol else finding.venue)  # fmt: skip
    _hold_if_large(findings)
    return new


def _store(round_row: ReconciliationRound, finding: Finding) -> bool:
    kind, venue, symbol = finding.key
    standing = ReconciliationDifference.objects.filter(kind=kind, venue=venue, symbol=symbol, resolved_at=None)
    said = {
        "ours": {"value": finding.ours},
        "theirs": {"value": finding.theirs, **finding.details},
        "notional_usdt": finding.notional_usdt,
    }
    if standing.update(**said):
        return False
    ReconciliationDifference.objects.create(
        round=round_row, kind=kind, venue=venue, symbol=symbol, first_seen_at=utc_now(), **said
    )
    severity = "warning" if kind == "balance" else "critical"
    alert(
        kind="reconciliation",
        severity=severity,
        text=_sentence(finding),
        extra={"kind": kind, "venue": venue, "symbol": symbol, "ours": finding.ours, "theirs": finding.theirs},
    )
    return True


def _sentence(finding: Finding) -> str:
    where = " on ".join(part for part in (finding.symbol, finding.venue) if part)
    named = f" ({finding.details['named']})" if finding.details.get("named") else ""
    return (
        f"{finding.kind} of {where}{named}: PropBot says {finding.ours or 'none'}, the venue {finding.theirs or 'none'}"
    )


def _hold_if_large(findings: Sequence[Finding]) -> None:
    limit = settings.PROPBOT.decimal("RECON_HOLD_USDT")
    large = [one for one in findings if one.kind not in WITHOUT_SIZE and _beyond(one, limit)]
    if large:
        hold_engage_unless_held(reason=f"reconciliation: {_sentence(large[0])}", source="reconciliation")


def _beyond(finding: Finding, limit: Decimal) -> bool:
    """A difference without a price is not a small one (law 9)."""
    return finding.notional_usdt is None or not finding.notional_usdt <= limit


def differences_resolve(*, findings: Sequence[Finding]) -> int:
    """After a fully read round: what it no longer saw is over."""
    seen = {finding.key for finding in findings}
    over = [
        row.pk
        for row in ReconciliationDifference.objects.filter(resolved_at=None)
        if (row.kind, row.venue, row.symbol) not in seen
    ]
    return ReconciliationDifference.objects.filter(pk__in=over).update(resolved_at=utc_now())
