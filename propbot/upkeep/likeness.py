"""Whether two processes are alike: what they decide by, and the schema they were made for, each as one figure."""

import hashlib
import json
from functools import cache

from django.db.migrations.loader import MigrationLoader

from propbot.config import SETTINGS, values

# Secrets and addresses differ by role on purpose (law 11): only what a decision is made by is compared.
DECIDING_KINDS = frozenset({"flag", "decimal", "integer", "decimals", "venue_limits"})
DECIDING_NAMES = frozenset({"PROFILE", "MODE", "LEG_EXECUTION", "ORPHAN_LEG_POLICY", "LOOP_PAIR"})
# Where a process listens is its own affair.
OWN_AFFAIR = frozenset({"PORT", "METRICS_PORT"})


def figure_of(document: object) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True, default=str).encode()).hexdigest()[:16]


def config_figure() -> str:
    """One figure of the limits, thresholds, flags and modes of this process."""
    table = values().table
    names = [one.name for one in SETTINGS if one.kind in DECIDING_KINDS or one.name in DECIDING_NAMES]
    names = [name for name in names if name not in OWN_AFFAIR]
    return figure_of({name: table[name] for name in sorted(names)})


@cache
def schema_figure() -> str:
    """One figure of the latest migration of every app, as this process' code has them."""
    loader = MigrationLoader(None, ignore_no_migrations=True)
    return figure_of(sorted(loader.graph.leaf_nodes()))
