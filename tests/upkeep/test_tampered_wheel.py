"""pip refuses a file whose hash is not the lock's (RELIABILITY H32), offline, with a wheel made here."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

FILES = {
    "propbot_sample.py": "VALUE = 1\n",
    "propbot_sample-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: propbot-sample\nVersion: 1.0\n",
    "propbot_sample-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}


def wheel(folder: Path, **changed: str) -> Path:
    path = folder / "propbot_sample-1.0-py3-none-any.whl"
    files = {**FILES, **changed}
    rows = "".join(f"{name},,\n" for name in [*files, "propbot_sample-1.0.dist-info/RECORD"])
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**files, "propbot_sample-1.0.dist-info/RECORD": rows}.items():
            archive.writestr(name, content)
    return path


def install(folder: Path, lock: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", "install", "--no-index"]
    command += ["--find-links", str(folder), "--require-hashes", "--target", str(folder / "there"), "-r", str(lock)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)


def test_a_wheel_that_was_tampered_with_is_not_installed(tmp_path: Path) -> None:
    genuine = hashlib.sha256(wheel(tmp_path).read_bytes()).hexdigest()
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"propbot-sample==1.0 \\\n    --hash=sha256:{genuine}\n")
    wheel(tmp_path, **{"propbot_sample.py": "VALUE = 2\n"})
    refused = install(tmp_path, lock)
    assert refused.returncode != 0
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in refused.stderr
    assert not (tmp_path / "there").exists()
