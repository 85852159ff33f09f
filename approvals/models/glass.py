"""Break-glass codes: sealed in envelopes for the day on which no approver can be reached (RELIABILITY F18)."""

import uuid
from typing import ClassVar

from django.db import models


class BreakGlassCode(models.Model):
    """One sealed code, as its hash. A trigger keeps what it is, and opens or withdraws it once and for ever."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    set_id = models.UUIDField(db_index=True)
    number = models.PositiveSmallIntegerField(help_text="Written on the envelope.")
    made_at = models.DateTimeField()
    opened_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True, help_text="A newer set has replaced it.")

    class Meta:
        ordering: ClassVar = ["-made_at", "number"]
        constraints: ClassVar = [
            models.UniqueConstraint(name="one_code_per_number", fields=["set_id", "number"]),
        ]

    def __str__(self) -> str:
        return f"envelope {self.number} of {self.made_at:%Y-%m-%d}"
