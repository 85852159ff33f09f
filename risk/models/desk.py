"""The one row that says whether the desk may trade, who holds the lease, and how each start went."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from risk import choices


class DeskState(models.Model):
    """Law 3 lives in this table's triggers: whatever loosens it needs an executed approval of this very HOLD.

    Nothing frequent is written here: every opening order reads the row under the shared desk lock.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    mode = models.CharField(max_length=8, choices=choices.DeskMode.choices, default=choices.DeskMode.HOLD)
    hold_id = models.BigIntegerField(default=1)
    hold_active = models.BooleanField(default=True)
    hold_reason = models.TextField(blank=True)
    hold_source = models.CharField(max_length=64, blank=True)
    hold_since = models.DateTimeField(null=True)
    last_released_at = models.DateTimeField(null=True)
    safe_mode = models.BooleanField(default=True)
    dry_run = models.BooleanField(default=True)
    trader_epoch = models.BigIntegerField(default=0, help_text="The fencing token of law 7; it never decreases.")
    autopilot_permitted = models.BooleanField(
        default=False, help_text="AUTOPILOT_ENABLE as the trader of this epoch read it at its start."
    )
    autopilot_armed = models.BooleanField(default=False)
    autopilot_last_action = models.CharField(max_length=64, blank=True)
    autopilot_last_decision = models.CharField(max_length=16, blank=True)
    autopilot_reason = models.TextField(blank=True)
    autopilot_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name = "desk state"
        verbose_name_plural = "desk state"
        constraints: ClassVar = [
            models.CheckConstraint(name="desk_one_row", condition=Q(id=1)),
            models.CheckConstraint(
                name="desk_hold_means_stopped", condition=Q(hold_active=False) | (Q(safe_mode=True) & Q(mode="HOLD"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.mode}, HOLD #{self.hold_id} {'active' if self.hold_active else 'released'}"


class TraderLease(models.Model):
    """Who may send orders, until when by the database's clock (law 7)."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    holder = models.CharField(max_length=128, blank=True)
    epoch = models.BigIntegerField(default=0)
    acquired_at = models.DateTimeField(null=True)
    renewed_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(name="lease_one_row", condition=Q(id=1))]

    def __str__(self) -> str:
        return f"{self.holder or 'nobody'}, epoch {self.epoch}"


class DeskStart(models.Model):
    """One start of the trader: what stood before it, with which build and configuration, and how it ended."""

    epoch = models.BigIntegerField(unique=True)
    build = models.CharField(max_length=128)
    fingerprint = models.CharField(max_length=64)
    settings: Any = models.JSONField(default=dict, help_text="Every setting but the secrets, as this start read it.")
    hold_id = models.BigIntegerField(help_text="The HOLD that this start engaged.")
    previous: Any = models.JSONField(default=dict, help_text="mode, hold, safe_mode and dry_run before the start.")
    started_at = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True, help_text="Set by a clean stop only.")

    class Meta:
        ordering: ClassVar = ["-epoch"]

    def __str__(self) -> str:
        return f"start {self.epoch} of {self.build}"


class AutopilotDecision(models.Model):
    """At most one per start; a trigger stamps the transaction, and only that transaction may use it (law 3)."""

    trader_epoch = models.BigIntegerField(unique=True)
    hold_id = models.BigIntegerField()
    verdict = models.CharField(max_length=16, choices=choices.AutopilotVerdict.choices)
    reason = models.TextField()
    blockers: Any = models.JSONField(default=list)
    txid = models.BigIntegerField(default=0, editable=False)
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="autopilot_resumes_only_without_blockers", condition=Q(verdict="refuse") | Q(blockers=[])
            )
        ]

    def __str__(self) -> str:
        return f"epoch {self.trader_epoch}: {self.verdict}"


class ApprovedResume(models.Model):
    """What was running when two people last let the desk resume: the next request tells what changed since."""

    hold_id = models.BigIntegerField(unique=True)
    build = models.CharField(max_length=128)
    fingerprint = models.CharField(max_length=64)
    settings: Any = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"resume of HOLD #{self.hold_id}"
