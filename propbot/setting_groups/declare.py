"""How a setting is written down."""

from decimal import Decimal

from propbot.env import Setting

ZERO = Decimal(0)


def setting(name: str, kind: str, default: str | None, group: str, help_text: str, **bounds: object) -> Setting:
    return Setting(name, kind, default, group, help_text, **bounds)  # type: ignore[arg-type]
