#!/usr/bin/env python3
"""Verify an exported audit trail without PropBot: no Django, no database.

    verify_audit_offline.py audit.jsonl [--checkpoints checkpoints.jsonl] [--public-key BASE64]

The export is JSON lines (GET /api/ui/audit/export). The chain's key comes from AUDIT_HMAC_KEY; without
it only the links are checked, not the content. The public key should come from paper or a chat, not
from the file that it is to prove.
"""

import argparse
import base64
import hashlib
import hmac
import json
import os
import sys
from pathlib import Path
from typing import Any

FIELDS = {"seq", "at", "person_id", "person", "role", "channel", "ip", "request_id", "claimed", "action", "target"}
FIELDS |= {"status", "details", "spool_id", "previous_hash"}
SIGNED = ("at", "count", "event", "head", "previous", "seq")


def canonical(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def lines(path: str) -> list[dict[str, Any]]:
    with Path(path).open(encoding="utf-8") as handle:
        return [json.loads(line) for line in handle if line.strip()]


def keyed_hash(key: bytes, row: dict[str, Any]) -> str:
    return hmac.new(key, canonical({name: row[name] for name in FIELDS}), hashlib.sha256).hexdigest()


def chain_fault(rows: list[dict[str, Any]], key: bytes, promised: dict[int, str]) -> str | None:
    previous, first = None, rows[0]["seq"] if rows else 1
    if first == 1:
        previous = "0" * 64
    for expected, row in enumerate(rows, start=first):
        if row["seq"] != expected:
            return f"record {expected} is missing"
        if previous is not None and row["previous_hash"] != previous:
            return f"record {expected} does not continue the one before it"
        if key and not hmac.compare_digest(keyed_hash(key, row), row["hash"]):
            return f"record {expected} does not match its keyed hash"
        if promised.get(expected, row["hash"]) != row["hash"]:
            return f"record {expected} is not the one that a checkpoint saw"
        previous = row["hash"]
    last = rows[-1]["seq"] if rows else 0
    beyond = [seq for seq in promised if seq > last]
    return f"a checkpoint saw {max(beyond)} records, the export ends at {last}" if beyond else None


def checkpoint_fault(checkpoints: list[dict[str, Any]], public_key: str | None) -> str | None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    for number, line in enumerate(checkpoints, start=1):
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key or line["public_key"]))
        try:
            key.verify(base64.b64decode(line["signature"]), canonical({name: line[name] for name in SIGNED}))
        except InvalidSignature:
            return f"checkpoint {number} is not signed by this key"
        if number > 1 and line["previous"] != checkpoints[number - 2]["signature"]:
            return f"a checkpoint before number {number} is missing"
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description="Verify an exported audit trail without PropBot.")
    parser.add_argument("export")
    parser.add_argument("--checkpoints")
    parser.add_argument("--public-key")
    options = parser.parse_args()
    rows = lines(options.export)
    checkpoints = lines(options.checkpoints) if options.checkpoints else []
    key = os.environ.get("AUDIT_HMAC_KEY", "").encode()
    promised = {line["seq"]: line["head"] for line in checkpoints if line["seq"]}
    fault = checkpoint_fault(checkpoints, options.public_key) or chain_fault(rows, key, promised)
    sys.stdout.write(
        (fault or f"sound: {len(rows)} records, {len(checkpoints)} checkpoints{'' if key else ', links only'}") + "\n"
    )
    return 1 if fault else 0


if __name__ == "__main__":
    sys.exit(main())
