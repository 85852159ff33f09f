"""Limits as rows with versions: every order names the version it was judged by."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from propbot.number_field import NumberField


class RiskLimit(models.Model):
    """One limit now in force. ``scope`` is a symbol or venue for an override, else empty; null value: see its rule."""

    name = models.CharField(max_length=64)
    scope = models.CharField(max_length=64, blank=True)
    value = NumberField(null=True)
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=128)

    class Meta:
        ordering: ClassVar = ["name", "scope"]
        constraints: ClassVar = [
            models.UniqueConstraint(name="limit_once", fields=["name", "scope"]),
            models.CheckConstraint(name="limit_not_negative", condition=Q(value__isnull=True) | Q(value__gte=0)),
        ]

    def __str__(self) -> str:
        return f"{self.name}{'__' + self.scope if self.scope else ''} = {self.value}"


class LimitsVersion(models.Model):
    """The whole table of limits at one moment, so that a decision can be judged again; never edited."""

    at = models.DateTimeField()
    changed_by = models.CharField(max_length=128)
    reason = models.TextField(blank=True)
    values: Any = models.JSONField(help_text="[name, scope, value as text or null] of every row.")

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"limits version {self.pk}"
