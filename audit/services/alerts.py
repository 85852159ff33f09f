"""Alerts: a row at once, delivery later. Telling someone never blocks or fails what is told."""

from collections.abc import Mapping
from datetime import UTC, datetime

import structlog
from django.conf import settings
from django.db import DatabaseError, transaction

from audit.canonical import clean_text, plain
from audit.choices import Severity
from audit.models import AlertDelivery, OpsAlert
from propbot.redaction import redact, redact_text

log = structlog.get_logger(__name__)
SIMULATED_MARK = "DRY_RUN_MODE"


def alert_channels() -> tuple[str, ...]:
    return ("telegram",) if settings.PROPBOT.flag("TELEGRAM_ENABLE") else ()


def _store(kind: str, severity: str, text: str, extra: Mapping[str, object], simulated: bool) -> None:
    now = datetime.now(UTC)
    row = OpsAlert.objects.create(
        at=now, kind=clean_text(kind, 64), severity=severity, text=text, extra=redact(plain(extra)), simulated=simulated
    )
    AlertDelivery.objects.bulk_create(
        [AlertDelivery(alert=row, channel=channel, next_attempt_at=now) for channel in alert_channels()]
    )


def alert(
    *,
    kind: str,
    severity: str,
    text: str,
    extra: Mapping[str, object] | None = None,
    simulated: bool = False,
) -> None:
    """Tell the operators. A simulated event says so in its text. Never raises for the database's sake:
    the log then carries the alert."""
    severity = Severity(severity).value
    marked = f"{text} {SIMULATED_MARK}" if simulated and SIMULATED_MARK not in text else text
    marked = redact_text(clean_text(marked))
    try:
        with transaction.atomic():
            _store(kind, severity, marked, extra or {}, simulated)
    except DatabaseError as error:
        log.error("alert_not_stored", kind=kind, severity=severity, text=marked, cause=error.__class__.__name__)
    else:
        log.info("alert", kind=kind, severity=severity, text=marked)
