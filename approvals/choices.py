"""Roles and the states of a request."""

from django.db import models


class Role(models.TextChoices):
    VIEWER = "viewer"
    AUDITOR = "auditor"
    OPERATOR = "operator"


class RequestStatus(models.TextChoices):
    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    EXECUTED = "executed"
    FAILED = "failed"


class SealedStatus(models.TextChoices):
    WAITING = "waiting"
    APPROVED = "approved"
    APPLIED = "applied"
    DROPPED = "dropped"


# What a trigger in the database allows; every other move is refused there too.
TRANSITIONS = {
    RequestStatus.PENDING: frozenset(
        {RequestStatus.APPROVED, RequestStatus.DENIED, RequestStatus.EXPIRED, RequestStatus.WITHDRAWN}
    ),
    # Approved and executed lie in one transaction; nobody outside ever reads `approved` for long.
    RequestStatus.APPROVED: frozenset({RequestStatus.EXECUTED, RequestStatus.FAILED}),
}
