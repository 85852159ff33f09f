"""What was done, by whom; what operators were told. Persons are text here: history outlives people."""

import uuid
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from audit.canonical import iso
from audit.choices import DeliveryStatus, RecordStatus, Severity

MACHINES = ["system", "autopilot"]


class AuditRecord(models.Model):
    """One link of the chain. Triggers refuse UPDATE, DELETE and TRUNCATE."""

    seq = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField(db_index=True)
    person_id = models.CharField(max_length=64, blank=True)
    person = models.CharField(max_length=128)
    role = models.CharField(max_length=32, blank=True)
    channel = models.CharField(max_length=32)
    ip = models.CharField(max_length=64, blank=True)
    request_id = models.CharField(max_length=128, blank=True)
    claimed = models.CharField(max_length=256, blank=True, help_text="Who the client said it was; proves nothing.")
    action = models.CharField(max_length=128, db_index=True)
    target = models.CharField(max_length=512, blank=True)
    status = models.CharField(max_length=16, choices=RecordStatus.choices)
    details: Any = models.JSONField(default=dict)
    spool_id = models.UUIDField(null=True, unique=True, help_text="Set when it came through the emergency spool.")
    previous_hash = models.CharField(max_length=64, unique=True)
    hash = models.CharField(max_length=64, unique=True)

    class Meta:
        ordering: ClassVar = ["-seq"]
        indexes: ClassVar = [
            # The pages ask for what people did last; the machines' records between may be hundreds of thousands.
            models.Index(name="audit_by_people", fields=["-seq"], condition=~Q(channel__in=MACHINES)),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(name="audit_seq_positive", condition=Q(seq__gte=1)),
            models.CheckConstraint(name="audit_status_known", condition=Q(status__in=RecordStatus.values)),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.action} {self.status}"

    def hashed_fields(self) -> dict[str, object]:
        """The fields as they were hashed, from what the database holds now."""
        return {
            "seq": self.seq,
            "at": iso(self.at),
            "person_id": self.person_id,
            "person": self.person,
            "role": self.role,
            "channel": self.channel,
            "ip": self.ip,
            "request_id": self.request_id,
            "claimed": self.claimed,
            "action": self.action,
            "target": self.target,
            "status": self.status,
            "details": self.details,
            "spool_id": "" if self.spool_id is None else str(self.spool_id),
            "previous_hash": self.previous_hash,
        }


class OpsAlert(models.Model):
    """An event that an operator must be able to see."""

    at = models.DateTimeField(db_index=True)
    kind = models.CharField(max_length=64, db_index=True)
    severity = models.CharField(max_length=16, choices=Severity.choices)
    text = models.TextField()
    extra: Any = models.JSONField(default=dict)
    simulated = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(name="alert_severity_known", condition=Q(severity__in=Severity.values)),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


class AlertDelivery(models.Model):
    """The way of one alert to one channel: tried with growing pauses until it arrived."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    alert = models.ForeignKey(OpsAlert, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.CharField(max_length=32)
    status = models.CharField(max_length=16, choices=DeliveryStatus.choices, default=DeliveryStatus.PENDING)
    attempts = models.IntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering: ClassVar = ["next_attempt_at"]
        indexes: ClassVar = [
            models.Index(name="delivery_due", fields=["next_attempt_at"], condition=Q(status=DeliveryStatus.PENDING)),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(name="one_delivery_per_channel", fields=["alert", "channel"]),
        ]
