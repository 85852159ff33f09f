"""What one person asked and another decides, and the one execution that may follow."""

import uuid
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q

from approvals.choices import RequestStatus
from approvals.models.people import Person


class ApprovalRequest(models.Model):
    """A guarded action that waits for a second person.

    Triggers keep what was asked unchanged, allow only the moves of ``choices.TRANSITIONS`` and
    refuse deletion. ``payload_digest`` is the SHA-256 of the canonical payload.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    action = models.CharField(max_length=64)
    target = models.CharField(max_length=128, blank=True)
    payload: Any = models.JSONField(default=dict)
    payload_digest = models.CharField(max_length=64)
    sentence = models.TextField()
    before: Any = models.JSONField(default=dict)
    after: Any = models.JSONField(default=dict)
    reason = models.TextField(blank=True)
    hold_id = models.BigIntegerField(null=True, help_text="The HOLD it was asked under.")
    bound_to_hold = models.BooleanField(default=False, help_text="A newer HOLD makes it void.")
    two_man = models.BooleanField(default=True)
    requested_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="requests")
    requested_by_name = models.CharField(max_length=64)
    requested_channel = models.CharField(max_length=32)
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    status = models.CharField(max_length=16, choices=RequestStatus.choices, default=RequestStatus.PENDING)
    decided_by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="decisions")
    decided_by_name = models.CharField(max_length=64, blank=True)
    decided_channel = models.CharField(max_length=32, blank=True)
    decided_at = models.DateTimeField(null=True)
    executed_at = models.DateTimeField(null=True)
    result: Any = models.JSONField(null=True)
    failure = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["-requested_at"]
        permissions: ClassVar = [("decide_approvalrequest", "Can decide this approval request")]
        indexes: ClassVar = [
            models.Index(name="approval_by_action", fields=["action", "target", "-requested_at"]),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="one_pending_per_action_and_target",
                fields=["action", "target"],
                condition=Q(status=RequestStatus.PENDING),
            ),
            models.CheckConstraint(
                name="decider_is_another_person",
                condition=Q(decided_by__isnull=True) | Q(two_man=False) | ~Q(decided_by=F("requested_by")),
            ),
            models.CheckConstraint(
                name="approved_by_someone",
                condition=~Q(status__in=[RequestStatus.APPROVED, RequestStatus.EXECUTED, RequestStatus.FAILED])
                | Q(decided_by__isnull=False, decided_at__isnull=False),
            ),
            models.CheckConstraint(name="approval_status_known", condition=Q(status__in=RequestStatus.values)),
        ]

    def __str__(self) -> str:
        return self.sentence


class ApprovalExecution(models.Model):
    """The one execution of an approval. Its trigger demands the approval and notes the transaction,
    so that triggers on other tables can ask: was this change approved, here and now?"""

    approval = models.OneToOneField(ApprovalRequest, on_delete=models.PROTECT, related_name="execution")
    action = models.CharField(max_length=64)
    hold_id = models.BigIntegerField(null=True)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="executions")
    txid = models.BigIntegerField(default=0, help_text="txid_current() of the executing transaction.")
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(name="execution_by_txid", fields=["txid", "action"])]

    def __str__(self) -> str:
        return f"{self.action} by {self.person}"
