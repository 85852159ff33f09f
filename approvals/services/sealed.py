"""Secrets on their way: sealed where they are typed, opened only in the trader."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings

from approvals.choices import SealedStatus
from approvals.models import ApprovalRequest, SealedSecret
from approvals.registry import Payload
from approvals.sealing import SealingError, fingerprint, new_private_key, public_key, seal, unseal
from approvals.services.requests import approval_request, pending_request
from audit.context import current_actor
from audit.services import alert, audited, record
from propbot import redaction, secrets_store
from propbot.clock import utc_now
from propbot.crashpoints import crashpoint
from propbot.errors import RefusedError

log = structlog.get_logger(__name__)
DEFAULT_NAME = "binance_secret"
MAX_VALUE = 4096


def _key_path() -> Path:
    return Path(settings.DATA_DIR) / "trader" / "seal.key"


def _public_path() -> Path:
    return Path(settings.DATA_DIR) / "trader" / "seal.pub"


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())


def trader_key_ensure() -> str:
    """In the trader only: its private key, made at the first call; the public one is laid beside it."""
    path = _key_path()
    if not path.exists():
        with suppress(FileExistsError):  # another trader process was first: its key is the key
            _write_private(path, new_private_key())
    private = path.read_text()
    _public_path().write_text(public_key(private))
    return private


def _trader_public_key() -> str:
    try:
        return _public_path().read_text()
    except OSError:
        raise RefusedError(
            "trader_key_missing", "the trader has not published its public key yet", status=503
        ) from None


def secret_name_checked(name: object) -> str:
    if name not in secrets_store.VALUE_NAMES:
        known = ", ".join(secrets_store.VALUE_NAMES)
        raise RefusedError("unknown_secret", f"the secrets are {known}", context={"field": "name"})
    return str(name)


def secret_rotation_request(*, name: str, value: str, reason: str) -> ApprovalRequest:
    """Seal the value at once and ask for a second operator. The request knows its fingerprint only."""
    name = secret_name_checked(name)
    if not 0 < len(value) <= MAX_VALUE or not value.isprintable():
        raise RefusedError("invalid_value", "the value is empty, too long or not printable", context={"field": "value"})
    redaction.register([value])
    mark = fingerprint(value, settings.PROPBOT.text("AUDIT_HMAC_KEY"))
    asked = pending_request("secret_rotation", name)
    if asked and asked.payload["fingerprint"] == mark and asked.requested_by_name == current_actor().name:
        return asked
    sealed = seal(value, _trader_public_key())
    with audited():
        row = SealedSecret.objects.create(name=name, sealed=sealed, fingerprint=mark)
        payload = {"name": name, "fingerprint": mark, "sealed_id": str(row.pk)}
        return approval_request(action="secret_rotation", target=name, payload=payload, reason=reason)


def secret_rotation_execute(request: ApprovalRequest, payload: Payload) -> dict[str, Any]:
    moved = SealedSecret.objects.filter(
        pk=payload["sealed_id"], fingerprint=payload["fingerprint"], status=SealedStatus.WAITING
    ).update(status=SealedStatus.APPROVED)
    if moved != 1:
        raise RefusedError("sealed_value_missing", "the sealed value is no longer there", status=409)
    return {"name": payload["name"], "fingerprint": payload["fingerprint"], "status": "approved"}


def _apply(row: SealedSecret, private: str, store: secrets_store.SecretsStore) -> None:
    value = unseal(row.sealed, private)
    redaction.register([value])
    store.set(row.name, value, now=utc_now())
    # Killed here, the next round stores the same value once more: it is recorded only together with the row.
    crashpoint("secret_stored")
    with audited():
        # The sealed text has served: an old database dump must not hold it for ever.
        SealedSecret.objects.filter(pk=row.pk, status=SealedStatus.APPROVED).update(
            status=SealedStatus.APPLIED, applied_at=utc_now(), sealed=""
        )
        record(action="secret_apply", target=row.name, details={"fingerprint": row.fingerprint})
        text = f"{row.name} is in the secrets store; the trader uses the old one until it starts again"
        alert(kind="secret_applied", severity="info", text=text)
        crashpoint("secret_recorded")


def _drop(row: SealedSecret, why: Exception) -> None:
    with audited():
        SealedSecret.objects.filter(pk=row.pk).update(status=SealedStatus.DROPPED, sealed="")
        details = {"fingerprint": row.fingerprint, "why": str(why)}
        record(action="secret_apply", target=row.name, status="failed", details=details)
        alert(kind="secret_not_applied", severity="critical", text=f"{row.name} was not applied: {why}")


def sealed_secrets_apply() -> int:
    """In the trader only: write approved values into its secrets store; how many were written."""
    rows = list(SealedSecret.objects.filter(status=SealedStatus.APPROVED).order_by("created_at"))
    if not rows:
        return 0
    store = secrets_store.open_store(settings.PROPBOT)
    if store is None:
        log.warning("sealed_secrets_wait", reason="SECRETS_STORE_PATH is not set", count=len(rows))
        return 0
    private = trader_key_ensure()
    count = 0
    for row in rows:
        try:
            _apply(row, private, store)
            count += 1
        except secrets_store.SecretsStoreBusyError as error:
            log.warning("sealed_secrets_wait", reason=str(error), count=len(rows) - count)
            break
        except (SealingError, secrets_store.SecretsStoreError) as error:
            _drop(row, error)
    return count
