"""Statuses of the records and of the alerts."""

from django.db import models


class RecordStatus(models.TextChoices):
    REQUESTED = "requested"
    APPROVED = "approved"
    DENIED = "denied"
    FORBIDDEN = "forbidden"
    EXECUTED = "executed"
    FAILED = "failed"


class Severity(models.TextChoices):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class DeliveryStatus(models.TextChoices):
    PENDING = "pending"
    SENT = "sent"
    DIGESTED = "digested"
    GIVEN_UP = "given_up"


# What a checkpoint is taken after at once, besides the one of every minute.
SAFETY_ACTIONS = frozenset(
    {
        "hold",
        "resume",
        "kill",
        "cancel_all",
        "safe_mode_on",
        "safe_mode_off",
        "dry_run_on",
        "dry_run_off",
        "desk_start",
        "autopilot_resume",
        "panic",
        "break_glass",
        "role_change",
        "secret_rotation",
        "raise_limit",
    }
)
