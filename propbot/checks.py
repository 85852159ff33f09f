"""Bad configuration is a system check with an id and a cure, and no process serves while there is one (SPEC 12).

``validate`` is pure: settings and environment in, problems out. A problem's text begins with
``[FATAL CONFIG]`` and names the variable; its hint is the cure.
"""

import base64
import binascii
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from django.conf import settings
from django.core import checks

from propbot import build, exposition, redaction, secrets_store
from propbot.config import SETTINGS
from propbot.env import ConfigProblem, Values
from propbot.upkeep.versions import schema_trouble

EXIT_CONFIG = 78
PLACEHOLDER = re.compile(r"(?<![A-Za-z0-9])todo(?![A-Za-z0-9])|change[-_]?me|replace[-_]?me|placeholder|^<.*>$", re.I)
SHORTEST_SECRET_KEY = 50
SHORTEST_TOKEN = 8
ED25519_SEED_BYTES = 32
FORMER_STORES = (
    "RUNTIME_STATE_PATH",
    "POSITIONS_STORE_PATH",
    "PNL_HISTORY_PATH",
    "HEDGE_LOG_PATH",
    "OPS_ALERTS_FILE",
)
# Names with the product's prefix that are no settings: the chaos harness and the test suite.
HARNESS_NAMES = frozenset({"PROPBOT_CRASH_AT", "PROPBOT_SHARED", "PROPBOT_DESK_DATA_DIR"})
CHECKING = (["check"], ["prepare_desk"])


@dataclass(frozen=True)
class Situation:
    """What a check may look at."""

    values: Values
    environ: Mapping[str, str]
    data_dir: Path
    problems: tuple[ConfigProblem, ...]

    @property
    def profile(self) -> str:
        return self.values.text("PROFILE")

    @property
    def live(self) -> bool:
        return self.profile == "live"

    @property
    def process(self) -> str:
        return self.values.text("PROCESS")


@dataclass(frozen=True)
class Finding:
    id: str
    name: str
    message: str
    cure: str
    fatal: bool = True

    @property
    def line(self) -> str:
        return f"[FATAL CONFIG] {self.name}: {self.message}" if self.fatal else f"{self.name}: {self.message}"


Rule = Callable[[Situation], Iterator[Finding]]


def unreadable_values(at: Situation) -> Iterator[Finding]:
    for problem in at.problems:
        yield Finding("propbot.E001", problem.name, problem.message, problem.cure)


def unknown_names(at: Situation) -> Iterator[Finding]:
    declared = {setting.name for setting in SETTINGS}
    for name in sorted(at.environ):
        if name.startswith("PROPBOT_") and name not in declared | HARNESS_NAMES:
            cure = "remove it, or use the name that docs/configuration.md lists"
            yield Finding("propbot.E002", name, "PropBot has no such setting", cure)


def approve_token(at: Situation) -> Iterator[Finding]:
    cure = "set APPROVE_TOKEN (or APPROVE_TOKEN_FILE) to a long random text that only operators know"
    token = at.values.text("APPROVE_TOKEN")
    if not token:
        yield Finding("propbot.E010", "APPROVE_TOKEN", "it is empty, so that nothing could be confirmed", cure)
    elif len(token) < SHORTEST_TOKEN:
        yield Finding("propbot.E011", "APPROVE_TOKEN", f"it has fewer than {SHORTEST_TOKEN} characters", cure)


def placeholders(at: Situation) -> Iterator[Finding]:
    for setting in SETTINGS:
        if setting.kind in ("secret", "text") and PLACEHOLDER.search(at.values.text(setting.name)):
            yield Finding("propbot.E012", setting.name, "it is a placeholder", f"set {setting.name}: {setting.help}")


def secret_key(at: Situation) -> Iterator[Finding]:
    key = at.values.text("SECRET_KEY")
    cure = 'set SECRET_KEY to the output of: python -c "import secrets; print(secrets.token_urlsafe(64))"'
    if not key:
        yield Finding("propbot.E013", "SECRET_KEY", "it is missing", cure)
    elif len(key) < SHORTEST_SECRET_KEY or len(set(key)) < 5 or key.startswith("django-insecure-"):
        yield Finding("propbot.E013", "SECRET_KEY", "it is too weak to sign sessions", cure)


def audit_keys(at: Situation) -> Iterator[Finding]:
    if not at.values.text("AUDIT_HMAC_KEY"):
        cure = "set AUDIT_HMAC_KEY to a random text of at least 32 characters and keep it"
        yield Finding("propbot.E014", "AUDIT_HMAC_KEY", "it is missing: audit records could not be chained", cure)
    if not _is_seed(at.values.text("AUDIT_SIGNING_KEY")):
        cure = "set AUDIT_SIGNING_KEY to 32 random bytes in base64 and keep them"
        yield Finding("propbot.E015", "AUDIT_SIGNING_KEY", "it is missing or no Ed25519 seed", cure)


def _is_seed(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == ED25519_SEED_BYTES
    except (binascii.Error, ValueError):
        return False


def encryption_keys(at: Situation) -> Iterator[Finding]:
    cure = "set {name} to what manage.py secrets new-key prints; several keys are comma separated, newest first"
    for name in ("SECRETS_ENC_KEY", "BACKUP_ENC_KEY"):
        if not all(_is_fernet_key(key.strip()) for key in at.values.text(name).split(",") if key.strip()):
            yield Finding("propbot.E016", name, "one of its keys is no Fernet key", cure.format(name=name))


def _is_fernet_key(text: str) -> bool:
    try:
        Fernet(text)
    except ValueError:
        return False
    return True


def data_directory(at: Situation) -> Iterator[Finding]:
    cure = f"make {at.data_dir} a directory that the user of this process can write, or set DATA_DIR"
    try:
        at.data_dir.mkdir(parents=True, exist_ok=True)
        probe = at.data_dir / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        message = f"{at.data_dir} cannot be written ({error.strerror or error.__class__.__name__})"
        yield Finding("propbot.E020", "DATA_DIR", message, cure)


def unsafe_in_live(at: Situation) -> Iterator[Finding]:
    if not at.live:
        return
    if at.values.flag("DEBUG"):
        yield Finding("propbot.E030", "DEBUG", "debug pages are on in live", "set DEBUG=false")
    if not at.values.flag("TWO_MAN_RULE"):
        yield Finding("propbot.E031", "TWO_MAN_RULE", "the two-person rule is off in live", "set TWO_MAN_RULE=true")
    if "*" in at.values.texts("ALLOWED_HOSTS") or not at.values.texts("ALLOWED_HOSTS"):
        cure = "set ALLOWED_HOSTS to the names under which the desk is reached"
        yield Finding("propbot.E032", "ALLOWED_HOSTS", "it admits every host in live", cure)
    if at.process in ("trader", "") and not at.values.text("SECRETS_ENC_KEY"):
        cure = "set SECRETS_ENC_KEY and run manage.py secrets encrypt"
        yield Finding("propbot.E033", "SECRETS_ENC_KEY", "it is missing: live reads no plain secrets", cure)
    if "PROPBOT_CRASH_AT" in at.environ:
        yield Finding(
            "propbot.E034", "PROPBOT_CRASH_AT", "the chaos harness is armed in live", "unset PROPBOT_CRASH_AT"
        )
    if at.values.integer("RELIABILITY_TIME_DIVISOR") != 1:
        yield Finding(
            "propbot.E035", "RELIABILITY_TIME_DIVISOR", "shortened waits are for chaos tests", "unset it or set it to 1"
        )


def authentication(at: Situation) -> Iterator[Finding]:
    if not at.values.flag("AUTH_ENABLED") and at.profile != "paper":
        message = f"access without a token is refused in {at.profile}"
        yield Finding("propbot.E036", "AUTH_ENABLED", message, "set AUTH_ENABLED=true, or PROFILE=paper")


def risk_switches(at: Situation) -> Iterator[Finding]:
    for name in ("RISK_CHECKS_ENABLED", "RISK_ENFORCE_CAPS", "RISK_ENFORCE_BUDGETS"):
        if at.live and not at.values.flag(name):
            yield Finding("propbot.E037", name, "it is off in live", f"set {name}=true")


def debug_in_production(at: Situation) -> Iterator[Finding]:
    if at.values.flag("DEBUG") and at.profile == "testnet":
        yield Finding("propbot.E030", "DEBUG", "debug pages are on in testnet", "set DEBUG=false")


def simulator_address(at: Situation) -> Iterator[Finding]:
    if at.profile == "simulator" and at.process in ("trader", "stream") and not at.values.text("SIMULATOR_URL"):
        cure = "set SIMULATOR_URL to the address of manage.py simulate_venues, or use make run"
        yield Finding("propbot.E038", "SIMULATOR_URL", "the simulator profile needs its address", cure)


def telegram(at: Situation) -> Iterator[Finding]:
    if not at.values.flag("TELEGRAM_ENABLE") or at.process not in ("worker", "telegram", ""):
        return
    for name in ("TELEGRAM_BOT_TOKEN", "TELEGRAM_CHAT_ID"):
        if not at.values.text(name):
            yield Finding(
                "propbot.E039", name, "Telegram is enabled without it", f"set {name}, or TELEGRAM_ENABLE=false"
            )


def secrets_file(at: Situation) -> Iterator[Finding]:
    path = at.values.text("SECRETS_STORE_PATH")
    if not path:
        return
    file = Path(path)
    if not file.exists():
        if at.process in ("trader", ""):
            cure = f"create {path} with manage.py secrets set, or unset SECRETS_STORE_PATH"
            yield Finding("propbot.E040", "SECRETS_STORE_PATH", f"{path} does not exist", cure)
        return
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode != secrets_store.MODE:
        yield Finding("propbot.E041", "SECRETS_STORE_PATH", f"{path} has mode {mode:04o}", f"chmod 0600 {path}")


def exchange_keys(at: Situation) -> Iterator[Finding]:
    """Keys of the enabled venues where they belong, and nowhere else in live (law 11)."""
    if at.process in ("trader", "") and at.profile in ("testnet", "live"):
        yield from _missing_keys(at)
    elif at.live and at.process not in ("trader", "") and (held := secrets_store.environment_key_names(at.environ)):
        cure = "give exchange keys to the trader only: unset it for this process"
        yield Finding("propbot.E043", held[0], f"an exchange key reaches the {at.process} process", cure)


def _missing_keys(at: Situation) -> Iterator[Finding]:
    try:
        missing = secrets_store.missing_keys(at.values, at.environ)
    except secrets_store.SecretsStoreError as error:
        yield Finding("propbot.E044", "SECRETS_STORE_PATH", str(error), "see manage.py secrets status")
        return
    for name in missing:
        yield Finding(
            "propbot.E042", name, f"it is missing in {at.profile}", f"set {name}, or use manage.py secrets set"
        )


def former_names(at: Situation) -> Iterator[Finding]:
    for name in FORMER_STORES:
        if name in at.environ:
            message = "it has no effect: the database holds that state (docs/migrating.md)"
            yield Finding("propbot.W001", name, message, f"unset {name}", fatal=False)
    if not at.values.flag("SAFE_MODE"):
        message = "SAFE_MODE=false changes nothing: the desk always starts in SAFE_MODE"
        yield Finding("propbot.W003", "SAFE_MODE", message, "unset SAFE_MODE; two operators turn it off", fatal=False)
    if at.values.text("API_TOKEN") and at.process != "cli":
        message = "on the server it is no credential"
        yield Finding("propbot.W002", "API_TOKEN", message, "use manage.py issue_token, unset API_TOKEN", fatal=False)


RULES: tuple[Rule, ...] = (
    unreadable_values,
    unknown_names,
    approve_token,
    placeholders,
    secret_key,
    audit_keys,
    encryption_keys,
    data_directory,
    unsafe_in_live,
    debug_in_production,
    authentication,
    risk_switches,
    simulator_address,
    telegram,
    secrets_file,
    exchange_keys,
    former_names,
)


def validate(situation: Situation) -> list[Finding]:
    return [finding for rule in RULES for finding in rule(situation)]


def situation_now() -> Situation:
    return Situation(settings.PROPBOT, os.environ, Path(settings.DATA_DIR), settings.PROPBOT_PROBLEMS)


@checks.register("propbot")
def check_configuration(app_configs: Any, **_: Any) -> list[checks.CheckMessage]:
    """For ``manage.py check`` and for serving processes; a command such as ``migrate`` or ``panic`` needs less."""
    if not settings.PROPBOT.text("PROCESS") and sys.argv[1:2] not in CHECKING:
        return []
    kinds = {True: checks.Error, False: checks.Warning}
    return [kinds[found.fatal](found.line, hint=found.cure, id=found.id) for found in validate(situation_now())]


def refuse_foreign_schema() -> None:
    """A build that was made for another schema would read what is not there, or leave empty what must not be."""
    trouble = schema_trouble()
    if trouble is not None:
        cure = "run manage.py migrate of this build, or start the build that the schema belongs to"
        sys.stderr.write(f"[FATAL CONFIG] DATABASE_URL: {trouble}; cure: {cure}\n")
        sys.stderr.flush()
        sys.exit(EXIT_CONFIG)


def start_process() -> None:
    """Called by every serving process before it serves: refuse, or say which build starts and show its counters."""
    redaction.register(settings.PROPBOT.text(setting.name) for setting in SETTINGS if setting.kind == "secret")
    fatal = [found for found in validate(situation_now()) if found.fatal]
    for found in fatal:
        sys.stderr.write(f"{redaction.redact_text(found.line)}; cure: {found.cure}\n")
    if fatal:
        sys.stderr.flush()
        sys.exit(EXIT_CONFIG)
    refuse_foreign_schema()
    exposition.serve_metrics()
    sys.stdout.write(f"PropBot starting with build_version={build.version()}\n")
    sys.stdout.flush()
