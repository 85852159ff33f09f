"""Every mutant of a module: one small wrong each, made on its syntax tree. Pure.

Left alone is what no test should pin: docstrings, annotations, decorators, the words of messages to people.
"""

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
OPPOSITES: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
}
NAMES = {"max": "min", "min": "max", "any": "all", "all": "any"}


@dataclass(frozen=True)
class Mutant:
    """``change`` is the line as it was, and as it is wrong; ``code`` the whole wrong module."""

    line: int
    change: str
    code: str


Edit = Callable[[ast.AST], None]


def _compare(node: ast.Compare) -> Iterator[tuple[str, Edit]]:
    for table in (COMPARISONS, OPPOSITES):
        wrong = table.get(type(node.ops[0]))
        if wrong is not None:

            def edit(found: ast.AST, wrong: type[ast.cmpop] = wrong) -> None:
                assert isinstance(found, ast.Compare)  # noqa: S101 - the copy of the same node
                found.ops[0] = wrong()

            yield wrong.__name__, edit


def _binary(node: ast.BinOp) -> Iterator[tuple[str, Edit]]:
    wrong = ARITHMETIC.get(type(node.op))
    if wrong is not None:
        yield wrong.__name__, lambda found: setattr(found, "op", wrong())


def _boolean(node: ast.BoolOp) -> Iterator[tuple[str, Edit]]:
    wrong = ast.Or if isinstance(node.op, ast.And) else ast.And
    yield wrong.__name__, lambda found: setattr(found, "op", wrong())


def _constant(node: ast.Constant) -> Iterator[tuple[str, Edit]]:
    value = node.value
    if isinstance(value, bool):
        yield str(not value), lambda found: setattr(found, "value", not value)
    elif isinstance(value, int):
        yield str(value + 1), lambda found: setattr(found, "value", value + 1)
    elif isinstance(value, str) and value:
        wrong = f"1{value}" if value[0].isdigit() else f"XX{value}"
        yield repr(wrong), lambda found: setattr(found, "value", wrong)


def _unary(node: ast.UnaryOp) -> Iterator[tuple[str, Edit]]:
    if isinstance(node.op, ast.Not):
        yield "not twice", lambda found: setattr(found, "operand", ast.UnaryOp(ast.Not(), found.operand))  # type: ignore[attr-defined]
    elif isinstance(node.op, ast.USub):
        yield "plus", lambda found: setattr(found, "op", ast.UAdd())


def _name(node: ast.Name) -> Iterator[tuple[str, Edit]]:
    wrong = NAMES.get(node.id)
    if wrong is not None:
        yield wrong, lambda found: setattr(found, "id", wrong)


def _branch(node: ast.If | ast.IfExp) -> Iterator[tuple[str, Edit]]:
    yield "never", lambda found: setattr(found, "test", ast.BoolOp(ast.And(), [found.test, ast.Constant(False)]))  # type: ignore[attr-defined]
    yield "always", lambda found: setattr(found, "test", ast.BoolOp(ast.Or(), [found.test, ast.Constant(True)]))  # type: ignore[attr-defined]


def _edits(node: ast.AST) -> Iterator[tuple[str, Edit]]:
    table: dict[type[ast.AST], Callable[..., Iterator[tuple[str, Edit]]]] = {
        ast.Compare: _compare,
        ast.BinOp: _binary,
        ast.BoolOp: _boolean,
        ast.Constant: _constant,
        ast.UnaryOp: _unary,
        ast.Name: _name,
        ast.If: _branch,
        ast.IfExp: _branch,
    }
    maker = table.get(type(node))
    return maker(node) if maker else iter(())


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _parts(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Children worth mutating, by the name of their field."""
    skipped = {"annotation", "returns", "decorator_list", "bases", "keywords"} if _declares(node) else set()
    for name, value in ast.iter_fields(node):
        if name in skipped:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield name, child


def _declares(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.ClassDef | ast.arg | ast.AnnAssign)


def _is_fixed(node: ast.AST) -> bool:
    """What is left alone with everything inside it."""
    return _is_docstring(node) or isinstance(node, ast.Import | ast.ImportFrom | ast.Raise) or _is_text(node)


def _is_text(node: ast.AST) -> bool:
    """Words for people: an f-string, and any string of more than one word."""
    words = isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value
    return isinstance(node, ast.JoinedStr) or words


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """In a fixed order, so that the n-th node of a copy is the same node."""
    if _is_fixed(node):
        return
    yield node
    for _, child in _parts(node):
        yield from _walk(child)


def mutants(source: str) -> Iterator[Mutant]:
    """One after the other; the source itself must parse."""
    tree = ast.parse(source)
    lines = source.splitlines()
    for number, node in enumerate(_walk(tree)):
        for label, edit in _edits(node):
            wrong = copy.deepcopy(tree)
            edit(list(_walk(wrong))[number])
            line = getattr(node, "lineno", 1)
            code = ast.unparse(ast.fix_missing_locations(wrong))
            yield Mutant(line, f"{lines[line - 1].strip()}  ->  {label}", code)
