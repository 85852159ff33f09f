#!/usr/bin/env python3
"""Verify an incident bundle without PropBot: no Django, no database.

    verify_incident_offline.py DIRECTORY [--public-key BASE64]

Every file against the signed manifest, then the bundle's stretch of the audit trail against its own checkpoints, by
verify_audit_offline.py, which lies beside this file. The chain's key comes from AUDIT_HMAC_KEY; without it only the
links are checked. The public key should come from paper or a chat, not from the bundle.
"""

import argparse
import base64
import hashlib
import json
import os
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

sys.path.insert(0, str(Path(__file__).resolve().parent))

from verify_audit_offline import canonical, chain_fault, checkpoint_fault, lines

MANIFEST = "manifest.json"


def manifest_fault(folder: Path, public_key: str | None) -> str | None:
    manifest = json.loads((folder / MANIFEST).read_bytes())
    present = {path.name for path in folder.iterdir()} - {MANIFEST}
    if present != set(manifest["files"]):
        return "the files are not those that the manifest names"
    for name, digest in manifest["files"].items():
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest:
            return f"{name} is not the file that the manifest names"
    signature, own_key = manifest.pop("signature", ""), manifest.pop("public_key", "")
    if not signature:
        return "the manifest is not signed"
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key or own_key))
        key.verify(base64.b64decode(signature), canonical(manifest))
    except (InvalidSignature, ValueError):
        return "the manifest is not signed by this key"
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description="Verify an incident bundle without PropBot.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--public-key")
    options = parser.parse_args()
    rows = lines(str(options.bundle / "audit.jsonl"))
    checkpoints = lines(str(options.bundle / "checkpoints.jsonl"))
    key = os.environ.get("AUDIT_HMAC_KEY", "").encode()
    last = rows[-1]["seq"] if rows else 0
    # The checkpoints go on after the HOLD that the stretch ends with: those prove the whole trail, not this stretch.
    promised = {line["seq"]: line["head"] for line in checkpoints if 0 < line["seq"] <= last}
    fault = (
        manifest_fault(options.bundle, options.public_key)
        or checkpoint_fault(checkpoints, options.public_key)
        or chain_fault(rows, key, promised)
    )
    note = "" if key else ", links only"
    sys.stdout.write((fault or f"sound: {len(rows)} records, {len(checkpoints)} checkpoints{note}") + "\n")
    return 1 if fault else 0


if __name__ == "__main__":
    sys.exit(main())
