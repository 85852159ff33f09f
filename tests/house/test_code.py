"""House rules of docs/architecture.md that a linter does not know."""

import ast
import re

from tests.house.source import PACKAGES, ROOT, called_name, nodes, place, python_files

LONGEST_FILE = 400
CODE = python_files(*PACKAGES)
TESTS = python_files("tests")
MONEY = tuple(
    path for path in python_files("trading", "risk") if "simulator" not in path.parts and "management" not in path.parts
)
# An attempt is no order: its few moves are compare-and-swaps in the one module that owns it.
STATUS_WRITERS = ("trading/services/transitions.py", "trading/services/attempts.py", "trading/simulator")
SHORTEST_SLEEP_SECONDS = 0.01
CCXT_HOMES = ("trading/venues", "trading/simulator", "tests")
SECRET_WORD = re.compile(r"(^|_)(token|secret|otp|passphrase|password|signature|digest_key)$")
MONEY_WORD = re.compile(
    r"price|notional|quantity|pnl|usdt?\b|amount|balance|wallet|fee|bps|cost|margin|equity", re.IGNORECASE
)


def inside(path_text: str, homes: tuple[str, ...]) -> bool:
    return any(path_text.startswith(home) for home in homes)


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for path in (*CODE, *TESTS)
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST_FILE
    }
    assert long == {}


def test_conftest_files_stay_under_150_lines() -> None:
    found = [path for path in TESTS if path.name == "conftest.py"]
    assert [path for path in found if len(path.read_text(encoding="utf-8").splitlines()) > 150] == []


def test_only_transitions_assign_a_status() -> None:
    wrong = []
    for path, node in nodes(python_files("trading")):
        if inside(str(path.relative_to(ROOT)), STATUS_WRITERS):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else []
        assigned = any(isinstance(target, ast.Attribute) and target.attr == "status" for target in targets)
        updated = called_name(node).endswith(".update") and any(word.arg == "status" for word in node.keywords)  # type: ignore[attr-defined]
        if assigned or updated:
            wrong.append(place(path, node))
    assert wrong == []


def test_only_the_venues_know_ccxt() -> None:
    wrong = []
    for path, node in nodes((*CODE, *TESTS)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        if any(name.split(".")[0] == "ccxt" for name in names) and not inside(str(path.relative_to(ROOT)), CCXT_HOMES):
            wrong.append(place(path, node))
    assert wrong == []


def test_no_test_sleeps_until_something_has_happened() -> None:
    """A test waits for a condition; the pause between two looks at it lies in a helper or is a few milliseconds."""
    wrong = []
    for path, node in nodes(tuple(path for path in TESTS if path.name.startswith("test_"))):
        if called_name(node) in ("time.sleep", "sleep") and isinstance(node, ast.Call):
            seconds = getattr(node.args[0], "value", None)
            short = isinstance(seconds, int | float) and seconds < SHORTEST_SLEEP_SECONDS
            if not short and "uniform(" not in ast.unparse(node):  # a race begins at a random moment
                wrong.append(place(path, node))
    assert wrong == []


def test_no_model_stores_money_as_float() -> None:
    wrong = []
    for path, node in nodes(CODE):
        if isinstance(node, ast.Assign) and called_name(node.value).endswith("FloatField"):
            wrong += [place(path, node) for target in node.targets if MONEY_WORD.search(ast.unparse(target))]
    assert wrong == []


def test_no_figure_of_money_becomes_a_float() -> None:
    wrong = []
    for path, node in nodes(MONEY):
        if called_name(node) == "float" and isinstance(node, ast.Call) and node.args:
            text = ast.unparse(node.args[0])
            if MONEY_WORD.search(text):
                wrong.append(f"{place(path, node)} {text}")
    assert wrong == []


def test_no_secret_is_compared_with_an_operator() -> None:
    """Equality stops at the first difference and so tells how much was right: hmac.compare_digest does not."""
    wrong = []
    for path, node in nodes(CODE):
        if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.Eq | ast.NotEq):
            continue
        sides = [node.left, *node.comparators]
        if any(isinstance(side, ast.Constant) for side in sides):
            continue
        if any(SECRET_WORD.search(ast.unparse(side).lower().removesuffix("()")) for side in sides):
            wrong.append(place(path, node))
    assert wrong == []


def test_no_task_waits_longer_than_the_broker_remembers() -> None:
    """A countdown above the visibility timeout is delivered twice (RELIABILITY E5)."""
    wrong = []
    for path, node in nodes(CODE):
        words = node.keywords if isinstance(node, ast.Call) else []
        for word in words:
            value = word.value.value if isinstance(word.value, ast.Constant) else 0
            if word.arg == "eta" or (word.arg == "countdown" and isinstance(value, int | float) and value > 60):
                wrong.append(place(path, node))
    assert wrong == []


def test_every_broad_except_says_why() -> None:
    wrong = []
    for path in CODE:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if "BLE001" in line and not re.search(r"BLE001 ?(-|:|,.* - ).{8,}", line):
                wrong.append(f"{path.relative_to(ROOT)}:{number}")
    assert wrong == []


def test_every_test_has_a_name_that_reads_as_a_sentence() -> None:
    wrong = [
        place(path, node)
        for path, node in nodes(TESTS)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and node.name.count("_") < 3
    ]
    assert wrong == []


def test_canceled_is_written_with_one_l() -> None:
    """Except where the HTTP contract spells a field ``cancelled``."""
    wrong = []
    for path in (*CODE, *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "templates").rglob("*.html"))):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if re.search(r"(?<![\"`])cancelled(?!error|\()", line, re.IGNORECASE):
                wrong.append(f"{path.relative_to(ROOT)}:{number}")
    assert wrong == []
