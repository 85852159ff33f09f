"""What keeps the processes honest: who beats, what has run, what is alive."""

import uuid

from django.db import models
from django.db.models.functions import Now


class BeatLease(models.Model):
    """The one row (pk 1) that says which beat may send tasks; times are the database's."""

    holder = models.CharField(max_length=120, blank=True, default="")
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"beat lease of {self.holder or 'nobody'}"


class BeatSlot(models.Model):
    """One tick of one schedule. Two beats cannot both write it, so a tick runs once."""

    task = models.CharField(max_length=200)
    slot = models.BigIntegerField(help_text="seconds since 1970 of the slot's start, in tenths")
    sent_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["task", "slot"], name="upkeep_one_row_per_slot")]

    def __str__(self) -> str:
        return f"{self.task}@{self.slot}"


class Heartbeat(models.Model):
    """When a process, queue or periodic duty last proved that it is alive (database time)."""

    name = models.CharField(max_length=80, primary_key=True)
    beat_at = models.DateTimeField()
    build = models.CharField(max_length=80, blank=True, default="")
    config = models.CharField(max_length=32, blank=True, default="", help_text="The settings that decide, as a figure.")
    schema = models.CharField(max_length=32, blank=True, default="", help_text="The latest migrations, as a figure.")

    def __str__(self) -> str:
        return f"{self.name} at {self.beat_at:%H:%M:%S}"


class TaskRun(models.Model):
    """How the last run of one entry of the schedule ended, written by the worker that ran it (database time)."""

    name = models.CharField(max_length=200, primary_key=True)
    ran_at = models.DateTimeField()
    state = models.CharField(max_length=16, help_text="Celery's word: SUCCESS, FAILURE, RETRY, ...")
    duration_ms = models.PositiveIntegerField()
    runs = models.PositiveBigIntegerField(default=1)
    failures = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.name}: {self.state} at {self.ran_at:%H:%M:%S}"


class Generation(models.Model):
    """One life of the database. A restored or exchanged one begins a new life: what was known of the old one no longer
    says what stands at the venues, so nothing opens before a new start has reconciled (RELIABILITY D8)."""

    class Origin(models.TextChoices):
        INSTALLED = "installed"
        RESTORED = "restored"
        REPLACED = "replaced"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    origin = models.CharField(max_length=16, choices=Origin.choices)
    began_at = models.DateTimeField(db_default=Now())
    backup = models.UUIDField(null=True, help_text="The backup that it was restored from.")
    head_seq = models.BigIntegerField(default=0, help_text="The last audit record that came along.")
    lost_records = models.BigIntegerField(default=0, help_text="Records that newer checkpoints knew and it lacks.")
    note = models.TextField(blank=True, default="")

    class Meta:
        ordering = ["-began_at"]

    def __str__(self) -> str:
        return f"{self.origin} at {self.began_at:%Y-%m-%d %H:%M:%S}"
