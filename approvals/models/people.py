"""Persons, and the accounts behind which one person stands."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

# ASCII only: a look-alike letter must not make a second "alice" (RELIABILITY H27).
NAME_PATTERN = r"^[a-z][a-z0-9._-]{1,63}$"


class Person(models.Model):
    """Who acts. Approvals compare persons, never accounts, tokens or sessions."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=64, unique=True, validators=[RegexValidator(NAME_PATTERN)])
    active = models.BooleanField(default=True)
    telegram_id = models.BigIntegerField(null=True, blank=True, unique=True)
    operator_since = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["name"]
        verbose_name_plural = "persons"
        constraints: ClassVar = [
            models.CheckConstraint(name="person_name_ascii", condition=Q(name__regex=NAME_PATTERN)),
        ]

    def __str__(self) -> str:
        return self.name


class PersonAccount(models.Model):
    """A Django user that belongs to a person. One person may have several; a user has one person."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="person_account")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="accounts")
    linked_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.user} of {self.person}"


class TokenNote(models.Model):
    """What knox does not keep of a bearer token: its label and when it was last used."""

    digest = models.CharField(max_length=128, primary_key=True)
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="tokens")
    label = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    last_used_ip = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        return f"{self.person}: {self.label or self.digest[:8]}"
