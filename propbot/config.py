"""The table of settings (SPEC 13) and the values that were read."""

from propbot.env import Setting, Values
from propbot.setting_groups.access import ACCESS, BINANCE, OKX, SECRETS
from propbot.setting_groups.infrastructure import INFRASTRUCTURE, TELEGRAM
from propbot.setting_groups.risk import CAPS, FLAGS, GOVERNOR, RUNAWAY, STRATEGY
from propbot.setting_groups.trading import LOOP, PROFILE, SCANNER

SETTINGS: tuple[Setting, ...] = (
    *PROFILE,
    *LOOP,
    *SCANNER,
    *FLAGS,
    *CAPS,
    *GOVERNOR,
    *STRATEGY,
    *RUNAWAY,
    *ACCESS,
    *SECRETS,
    *BINANCE,
    *OKX,
    *TELEGRAM,
    *INFRASTRUCTURE,
)


def values() -> Values:
    """The settings of this process. Tests replace them with ``override_settings(PROPBOT=values().replace(…))``."""
    from django.conf import settings

    found: Values = settings.PROPBOT
    return found
