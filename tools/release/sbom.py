"""``make sbom``: what PropBot is made of, as CycloneDX 1.6 JSON, from the installed packages' own metadata.

Names, versions, licences and who needs whom come from the environment; the hashes from requirements.lock. Only what the
image gets is listed: requirements.txt and what it brings.
"""

import argparse
import json
import re
import sys
import uuid
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.markers import default_environment
from packaging.requirements import Requirement

from tools.release.__main__ import version_of
from tools.release.lock import canonical, hashes

ROOT = Path(__file__).resolve().parents[2]


def _wanted(requirement: Requirement, extras: set[str]) -> bool:
    if requirement.marker is None:
        return True
    return any(requirement.marker.evaluate({**default_environment(), "extra": extra}) for extra in (*extras, ""))


def _needs(name: str, extras: set[str]) -> dict[str, set[str]]:
    """The packages that one package needs here, with the extras that it asks of each."""
    table: dict[str, set[str]] = {}
    for text in metadata.requires(name) or ():
        requirement = Requirement(text)
        if _wanted(requirement, extras):
            table.setdefault(canonical(requirement.name), set()).update(requirement.extras)
    return table


def closure(root: Path) -> dict[str, set[str]]:
    """Every package of the image to the packages it needs."""
    lines = (root / "requirements.txt").read_text(encoding="utf-8").splitlines()
    asked = [Requirement(line.split("#")[0].strip()) for line in lines if line and not line.startswith("#")]
    waiting = {canonical(one.name): set(one.extras) for one in asked}
    needs: dict[str, set[str]] = {}
    seen: dict[str, set[str]] = {}
    while waiting:
        name, extras = waiting.popitem()
        extras |= seen.get(name, set())
        if seen.get(name) == extras:
            continue
        seen[name] = extras
        found = _needs(name, extras)
        needs[name] = set(found)
        for needed, asked_extras in found.items():
            if needed not in seen or not asked_extras <= seen[needed]:
                waiting.setdefault(needed, set()).update(asked_extras)
    return needs


def _licences(name: str) -> list[dict[str, Any]]:
    about = metadata.metadata(name)
    expression = about.get("License-Expression")
    if expression:
        return [{"expression": expression}]
    named = [text.split(" :: ")[-1] for text in about.get_all("Classifier") or () if text.startswith("License ::")]
    short = [text for text in (about.get("License") or "",) if text and "\n" not in text and len(text) < 80]
    return [{"license": {"name": text}} for text in (named or short)]


def _component(name: str, sums: dict[str, list[str]]) -> dict[str, Any]:
    version = metadata.version(name)
    return {
        "type": "library",
        "bom-ref": f"pkg:pypi/{name}@{version}",
        "name": name,
        "version": version,
        "purl": f"pkg:pypi/{name}@{version}",
        "licenses": _licences(name),
        "hashes": [{"alg": "SHA-256", "content": one} for one in sums.get(name, [])],
    }


def document(root: Path, at: datetime) -> dict[str, Any]:
    """The bill of materials; its serial number follows from what it lists."""
    sums = hashes((root / "requirements.lock").read_text(encoding="utf-8"))
    needs = closure(root)
    components = [_component(name, sums) for name in sorted(needs)]
    version = version_of(root)
    references = {one["name"]: one["bom-ref"] for one in components}
    serial = uuid.uuid5(uuid.NAMESPACE_URL, f"propbot {version} {sorted(references.values())}")
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "timestamp": re.sub(r"\+00:00$", "Z", at.isoformat(timespec="seconds")),
            "component": {"type": "application", "bom-ref": "propbot", "name": "propbot", "version": version},
        },
        "components": components,
        "dependencies": [
            {"ref": references[name], "dependsOn": sorted(references[one] for one in needed)}
            for name, needed in sorted(needs.items())
        ],
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="make sbom", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "sbom.json")
    options = parser.parse_args()
    made = document(ROOT, datetime.now(UTC))
    options.out.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{options.out}: {len(made['components'])} components\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
