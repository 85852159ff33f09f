"""First values of rows that operators change afterwards: the environment gives the start, the row wins."""

from typing import Any

from django.db import transaction

from propbot.clock import utc_now
from propbot.config import values
from risk import limit_env
from risk.models import ControlSettings, LimitsVersion, RiskLimit, Strategy
from risk.registry import strategy_entry, strategy_names

INSTALLATION = "installation"


def control_seed() -> ControlSettings:
    env = values()
    with transaction.atomic():
        row, _ = ControlSettings.objects.get_or_create(
            pk=1,
            defaults={
                "post_only": env.flag("POST_ONLY"),
                "reduce_only": env.flag("REDUCE_ONLY"),
                "order_notional_usdt": env.decimal("ORDER_NOTIONAL_USDT"),
                "max_slippage_bps": env.decimal("MAX_SLIPPAGE_BPS"),
                "min_spread_bps": env.decimal("MIN_SPREAD_BPS"),
                "poll_interval_sec": env.decimal("POLL_INTERVAL_SEC"),
                "loop_pair": env.text("LOOP_PAIR"),
                "loop_venues": list(env.texts("LOOP_VENUES")),
                "auto_hedge_enabled": env.flag("AUTO_HEDGE_ENABLED"),
                "changed_at": utc_now(),
            },
        )
    return row


def version_values() -> list[list[str | None]]:
    """The whole table in the form that a version stores."""
    rows = RiskLimit.objects.order_by("name", "scope").values_list("name", "scope", "value")
    return [[name, scope, None if value is None else f"{value:f}"] for name, scope, value in rows]


def version_write(*, person: str, reason: str) -> LimitsVersion:
    return LimitsVersion.objects.create(at=utc_now(), changed_by=person, reason=reason, values=version_values())


def limits_seed() -> LimitsVersion:
    """Rows of the environment's limits and version 1; later only what a new build has added."""
    with transaction.atomic():
        newest = LimitsVersion.objects.order_by("-id").first()
        wanted = limit_env.current()
        if newest:
            stored = {(name, scope) for name, scope, _ in newest.values}
            # Only names that this build has added: an override that somebody removed stays removed.
            wanted = {key: value for key, value in wanted.items() if not key[1] and key not in stored}
            if not wanted:
                return newest
        now = utc_now()
        rows = [
            RiskLimit(name=name, scope=scope, value=value, changed_at=now, changed_by=INSTALLATION)
            for (name, scope), value in sorted(wanted.items())
        ]
        RiskLimit.objects.bulk_create(rows, ignore_conflicts=True)
        return version_write(person=INSTALLATION, reason="values of the environment")


def strategy_seed(name: str) -> Strategy:
    env = values()
    now = utc_now()
    row, _ = Strategy.objects.get_or_create(
        name=name,
        defaults={
            "enabled": strategy_entry(name).enabled_at_first,
            "daily_loss_usdt": env.decimal("STRATEGY_DAILY_LOSS_USDT"),
            "max_consecutive_failures": env.integer("STRATEGY_MAX_CONSECUTIVE_FAILURES"),
            "max_notional_usdt": env.decimal("MAX_TOTAL_NOTIONAL_USDT"),
            "max_open_positions": env.integer("MAX_OPEN_POSITIONS"),
            "loss_baseline_usdt": 0,
            "last_reset_at": now,
            "changed_at": now,
        },
    )
    return row


def seed_all(**_: Any) -> None:
    """After the migrations, so that no page view has to write first."""
    control_seed()
    limits_seed()
    for name in strategy_names():
        strategy_seed(name)
