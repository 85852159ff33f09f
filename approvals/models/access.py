"""What the edge must remember: wrong tokens, request budgets, first answers, sealed values."""

import uuid
from typing import Any, ClassVar

from django.db import models

from approvals.choices import SealedStatus
from approvals.models.people import Person


class TokenGuard(models.Model):
    """Counted wrong approve tokens, per person and over all. The row is locked while a token is compared."""

    scope = models.CharField(max_length=80, primary_key=True)
    failures = models.IntegerField(default=0)
    window_started_at = models.DateTimeField()
    locked_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.scope}: {self.failures}"


class RateBucket(models.Model):
    """A token bucket: how many requests may still come, as of ``at``."""

    key = models.CharField(max_length=160, primary_key=True)
    tokens = models.FloatField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.key


class IdempotentAnswer(models.Model):
    """The first answer to a person's Idempotency-Key; ``status`` is null while it is being made."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(Person, on_delete=models.CASCADE)
    key = models.CharField(max_length=200)
    request_digest = models.CharField(max_length=64)
    status = models.IntegerField(null=True)
    body: Any = models.JSONField(null=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="one_answer_per_key", fields=["person", "key"]),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} {self.key}"


class SealedSecret(models.Model):
    """A new secret's value, sealed to the trader's public key: the database cannot open it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=64)
    sealed = models.TextField()
    fingerprint = models.CharField(max_length=32)
    status = models.CharField(max_length=16, choices=SealedStatus.choices, default=SealedStatus.WAITING)
    created_at = models.DateTimeField(auto_now_add=True)
    applied_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} {self.fingerprint}"
