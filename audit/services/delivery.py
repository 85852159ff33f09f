"""Bringing alerts to Telegram: in order, with growing pauses, and a digest when there are too many."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F

from audit.choices import DeliveryStatus, Severity
from audit.models import AlertDelivery
from propbot.clock import utc_now
from propbot.redaction import redact_text

log = structlog.get_logger(__name__)
TELEGRAM = "telegram"
DEFAULT_BASE = "https://api.telegram.org"
TIMEOUT_SECONDS = 5.0
FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=5)
GIVE_UP_AFTER = timedelta(hours=24)
LEASE = timedelta(seconds=30)
PER_MINUTE = 20
SINGLY = 5
MESSAGE_LIMIT = 3500
MARKS = {Severity.INFO: "i", Severity.WARNING: "!", Severity.CRITICAL: "!!!"}


class DeliveryError(Exception):
    """The channel did not take it; ``pause`` is what it asked for, if it did."""

    def __init__(self, message: str, pause: timedelta | None = None) -> None:
        super().__init__(message)
        self.pause = pause


@dataclass(frozen=True)
class Batch:
    """One message: a single alert, or the digest of several that were held back."""

    deliveries: tuple[AlertDelivery, ...]

    def text(self) -> str:
        lines = [self._line(item) for item in self.deliveries]
        if len(lines) > 1:
            lines.insert(0, f"{len(lines)} alerts, held back and sent together:")
        return "\n".join(lines)[:MESSAGE_LIMIT]

    @staticmethod
    def _line(item: AlertDelivery) -> str:
        alert = item.alert
        return f"[{MARKS[Severity(alert.severity)]}] {alert.at:%H:%M:%S} {alert.kind}: {alert.text}"


def telegram_send(text: str) -> None:
    """One message to the only chat. The address holds the bot's token: no error may carry it."""
    values = settings.PROPBOT
    base = values.text("TELEGRAM_API_BASE") or DEFAULT_BASE
    url = f"{base}/bot{values.text('TELEGRAM_BOT_TOKEN')}/sendMessage"
    body = {"chat_id": values.text("TELEGRAM_CHAT_ID"), "text": redact_text(text)}
    try:
        answer = httpx.post(url, json=body, timeout=TIMEOUT_SECONDS)
    except httpx.HTTPError as error:
        raise DeliveryError(error.__class__.__name__) from None
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
        seconds = answer.headers.get("Retry-After", "")
        raise DeliveryError("429", timedelta(seconds=min(int(seconds), 600)) if seconds.isdigit() else None)
    if answer.status_code != httpx.codes.OK:
        raise DeliveryError(f"status {answer.status_code}")


def pause_after(attempts: int) -> timedelta:
    """2 s, 4 s, 8 s, ... up to 5 minutes."""
    doubled: timedelta = FIRST_PAUSE * (1 << min(attempts, 12))
    return min(doubled, LONGEST_PAUSE)


@transaction.atomic
def _claim(now: datetime) -> list[AlertDelivery]:
    """Take what is due, so that a second worker does not send it too. The claim ends by itself."""
    due = AlertDelivery.objects.select_for_update(skip_locked=True, of=("self",)).filter(
        status=DeliveryStatus.PENDING, channel=TELEGRAM, next_attempt_at__lte=now
    )
    rows = list(due.select_related("alert").order_by("alert_id")[:200])
    AlertDelivery.objects.filter(pk__in=[row.pk for row in rows]).update(
        next_attempt_at=now + LEASE, attempts=F("attempts") + 1
    )
    return rows


def batches(rows: Sequence[AlertDelivery], sent_lately: int) -> list[Batch]:
    """Few are sent one by one; what goes beyond the rate becomes one digest."""
    if len(rows) <= SINGLY and sent_lately + len(rows) <= PER_MINUTE:
        return [Batch((row,)) for row in rows]
    return [Batch(tuple(rows))]


def _settle(batch: Batch, now: datetime) -> None:
    status = DeliveryStatus.SENT if len(batch.deliveries) == 1 else DeliveryStatus.DIGESTED
    keys = [row.pk for row in batch.deliveries]
    AlertDelivery.objects.filter(pk__in=keys, status=DeliveryStatus.PENDING).update(
        status=status, sent_at=now, error=""
    )


def _postpone(batch: Batch, now: datetime, error: DeliveryError) -> None:
    for row in batch.deliveries:
        given_up = now - row.alert.at > GIVE_UP_AFTER
        AlertDelivery.objects.filter(pk=row.pk, status=DeliveryStatus.PENDING).update(
            status=DeliveryStatus.GIVEN_UP if given_up else DeliveryStatus.PENDING,
            next_attempt_at=now + (error.pause or pause_after(row.attempts)),
            error=str(error)[:200],
        )


def alerts_deliver() -> int:
    """Send what is due; how many alerts arrived. Called every two seconds."""
    now = utc_now()
    rows = _claim(now)
    lately = AlertDelivery.objects.filter(channel=TELEGRAM, sent_at__gt=now - timedelta(minutes=1)).count()
    arrived = 0
    for batch in batches(rows, lately):
        try:
            telegram_send(batch.text())
        except DeliveryError as error:
            log.warning("alert_not_delivered", channel=TELEGRAM, cause=str(error), count=len(batch.deliveries))
            _postpone(batch, now, error)
        else:
            _settle(batch, utc_now())
            arrived += len(batch.deliveries)
    return arrived
