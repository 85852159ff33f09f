"""Secrets over HTTP: a new value goes in and never comes out."""

from datetime import datetime
from typing import Any

from django.conf import settings
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.api.base import OPERATORS, DeskView
from approvals.api.requests import pending_response
from approvals.models import SealedSecret
from approvals.selectors import people_payload
from approvals.services.sealed import DEFAULT_NAME, MAX_VALUE, secret_rotation_request
from propbot.clock import utc_now
from propbot.http.serializers import StrictSerializer
from propbot.secrets_store import VALUE_NAMES, SecretAge, SecretsStoreError, open_store


class SecretBody(StrictSerializer):
    name = serializers.CharField(required=False, default=DEFAULT_NAME, max_length=64)
    value = serializers.CharField(max_length=MAX_VALUE, trim_whitespace=False, write_only=True)


def secret_ages(now: datetime) -> list[SecretAge]:
    """From the store's own notes; no value is opened. Empty without a store."""
    try:
        store = open_store(settings.PROPBOT)
    except SecretsStoreError:
        return []
    return store.ages(now=now, max_age_days=settings.PROPBOT.integer("SECRET_MAX_AGE_DAYS")) if store else []


def rotation_payload() -> dict[str, Any]:
    """Ages by name; a name whose age nobody noted is null, never 0."""
    ages = {item.name: item for item in secret_ages(utc_now())}
    return {
        "rotation_needed": {name: ages[name].rotation_needed if name in ages else None for name in VALUE_NAMES},
        "ages": {name: ages[name].age_days if name in ages else None for name in VALUE_NAMES},
    }


class SecretView(DeskView):
    read_roles = OPERATORS
    write_roles = OPERATORS

    def get(self, request: Request) -> Response:
        rows = SealedSecret.objects.all()[:20]
        changes = [
            {"name": row.name, "fingerprint": row.fingerprint, "status": row.status, "ts": row.created_at}
            for row in rows
        ]
        return Response({"names": list(VALUE_NAMES), "changes": changes, **rotation_payload()})

    def post(self, request: Request) -> Response:
        given = self.body(request, SecretBody)
        row = secret_rotation_request(name=given["name"], value=given["value"], reason=given["reason"])
        return pending_response(row)


class SecretsStatusView(DeskView):
    read_roles = OPERATORS

    def get(self, request: Request) -> Response:
        operators = [{"name": item["name"], "role": item["role"]} for item in people_payload() if item["role"]]
        return Response({**rotation_payload(), "operators": operators})
