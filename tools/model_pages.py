"""One page per app with its models, written from the code: ``python -m tools.lists`` makes docs/models/*.md."""

from collections.abc import Iterator
from typing import Any

APPS = {
    "audit": "What was done and what was told. Knows nobody.",
    "approvals": "Persons, roles, tokens and two-person requests.",
    "risk": "The desk's state, limits, reservations, strategies and the governor's samples.",
    "trading": "Hedges, legs, orders, fills, funding, quotes' history and reconciliation.",
    "upkeep": "Heartbeats and the runs of background tasks.",
    "console": "What the Telegram bot remembers.",
}


def models_of(app: str) -> list[Any]:
    from django.apps import apps

    return sorted(apps.get_app_config(app).get_models(), key=lambda model: model.__name__)


def pages() -> dict[str, str]:
    """File name below docs/models -> its text."""
    return {f"{app}.md": page_of(app, sentence) for app, sentence in APPS.items()}


def page_of(app: str, sentence: str) -> str:
    head = [
        f"# Models of {app}",
        "",
        sentence,
        "",
        "Made by `python -m tools.lists` from the code; a test compares them.",
    ]
    return "\n".join([*head, *(line for model in models_of(app) for line in _section(model)), ""])


def _section(model: Any) -> Iterator[str]:
    meta = model._meta
    yield from ("", f"## {meta.app_label}.{model.__name__}", "", _described(model), "")
    yield from ("| field | holds | null | notes |", "| --- | --- | --- | --- |")
    for field in meta.concrete_fields:
        yield f"| `{field.name}` | {_kind(field)} | {'yes' if field.null else ''} | {_cell(_notes(field))} |"
    rules = [*_constraints(meta), *(f"index `{index.name}`: {_index(index)}" for index in meta.indexes)]
    if rules:
        yield ""
        yield from (f"- {rule}" for rule in rules)


def _described(model: Any) -> str:
    """The docstring's paragraphs; Django's own generated one says nothing."""
    text = (model.__doc__ or "").strip()
    generated = text.startswith(f"{model.__name__}(")
    return "" if generated else "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def _kind(field: Any) -> str:
    if field.is_relation:
        return f"link to `{field.related_model._meta.label}`"
    kind = type(field).__name__.removesuffix("Field").lower()
    kind = {"number": "decimal", "bigauto": "number of the row", "char": "text", "json": "JSON"}.get(kind, kind)
    return f"{kind}, at most {field.max_length}" if field.max_length else kind


def _notes(field: Any) -> str:
    parts = [str(field.help_text)] if field.help_text else []
    if field.primary_key:
        parts.append("primary key")
    elif field.unique:
        parts.append("unique")
    if field.choices:
        parts.append("one of " + ", ".join(f"`{value}`" for value, _ in field.flatchoices if value != ""))
    return "; ".join(part.rstrip(".") for part in parts)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _constraints(meta: Any) -> Iterator[str]:
    for constraint in sorted(meta.constraints, key=lambda one: one.name):
        fields = getattr(constraint, "fields", ())
        what = f"one row per {', '.join(fields)}" if fields else "the database refuses what breaks it"
        where = " where a condition holds" if fields and getattr(constraint, "condition", None) is not None else ""
        yield f"constraint `{constraint.name}`: {what}{where}"


def _index(index: Any) -> str:
    fields = ", ".join(index.fields) or "an expression"
    return f"{fields}{', partial' if index.condition is not None else ''}"
