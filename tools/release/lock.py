"""``make lock``: every package that an installation brings, one version each, with the hashes of its files.

``requirements.txt`` says what PropBot asks for and ``requirements.lock`` what it gets; pip installs the lock with
``--require-hashes`` in the image and in the workflows, so a file that was tampered with is refused. ``--check`` needs
no network: it compares the lock with the requirements.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAIRS = {"requirements.txt": "requirements.lock", "requirements-dev.txt": "requirements-dev.lock"}
HEAD = "# Made by `make lock` from {source}; pip install --require-hashes -r {lock}\n"
PIN = re.compile(r"^([a-zA-Z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)")
# The same on every line: the platforms of pyproject.toml's [tool.uv], which pip need not be told.
PLATFORMS = re.compile(
    r"python_full_version < '3\.14'( and implementation_name == 'cpython')?(?P<more> and .*?)?"
    r" and platform_python_implementation == 'CPython' and \(sys_platform == 'darwin' or sys_platform == 'linux'\)"
)


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(text: str) -> dict[str, str]:
    """Package to version, of a requirements file or a lock."""
    found = (PIN.match(line) for line in text.splitlines())
    return {canonical(match[1]): match[2] for match in found if match}


def asked(root: Path, source: str) -> dict[str, str]:
    """The pins of a requirements file and of those that it includes."""
    text = (root / source).read_text(encoding="utf-8")
    table = pins(text)
    for included in re.findall(r"^-r (\S+)$", text, re.MULTILINE):
        table |= asked(root, included)
    return table


def hashes(text: str) -> dict[str, list[str]]:
    """The SHA-256 sums of each package of a lock."""
    table: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        if match := PIN.match(line):
            name = canonical(match[1])
            table[name] = []
        elif found := re.search(r"--hash=sha256:([0-9a-f]{64})", line):
            table[name].append(found[1])
    return table


def faults(root: Path) -> list[str]:
    """What of the locks does not fit the requirements; empty when they are current."""
    wrong: list[str] = []
    for source, lock in PAIRS.items():
        text = (root / lock).read_text(encoding="utf-8")
        locked = pins(text)
        wrong += [
            f"{lock}: {name} is not {version}"
            for name, version in asked(root, source).items()
            if locked.get(name) != version
        ]
        wrong += [f"{lock}: {name} has no hash" for name, sums in hashes(text).items() if not sums]
        wrong += [f"{lock}: it names an address" for _ in re.findall(r"://|--index|--find-links", text)]
    return wrong


def shortened(text: str) -> str:
    """Without the markers that hold on every platform of ours."""

    def keep(match: re.Match[str]) -> str:
        return (match["more"] or "").removeprefix(" and ")

    lines = (PLATFORMS.sub(keep, line).replace(" ;  \\", " \\").replace(" ; \\", " \\") for line in text.splitlines())
    return "\n".join(lines) + "\n"


def make(root: Path, uv: str, constraints: Path | None) -> None:
    """Resolve anew. What the present locks (or ``constraints``) say is kept wherever it still fits."""
    for source, lock in PAIRS.items():
        command = [uv, "pip", "compile", "--universal", "--python-version", "3.11", "--generate-hashes", "--quiet"]
        command += ["--no-annotate", "--no-header", "--no-emit-index-url", "--no-emit-find-links", source]
        command += ["--constraint", str(constraints)] if constraints else []
        answer = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
        if answer.returncode:
            sys.exit(f"lock: {answer.stderr.strip()[:2000]}")
        (root / lock).write_text(HEAD.format(source=source, lock=lock) + shortened(answer.stdout), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make lock", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only")
    parser.add_argument("--uv", default="uv", help="the uv program that resolves")
    parser.add_argument("--constraints", type=Path, help="versions to keep, as pip freeze prints them")
    options = parser.parse_args()
    if not options.check:
        make(ROOT, options.uv, options.constraints)
    wrong = faults(ROOT)
    for line in wrong:
        sys.stderr.write(f"lock: {line}\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
