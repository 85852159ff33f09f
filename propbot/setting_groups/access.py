"""Access, secrets and the venues' keys."""

from decimal import Decimal

from propbot.setting_groups.declare import ZERO, setting

ACCESS = (
    setting("AUTH_ENABLED", "flag", "true", "access", "false is possible only in paper"),
    setting("API_TOKEN", "secret", None, "access", "client side only; on the server it is no credential"),
    setting(
        "APPROVE_TOKEN",
        "secret",
        None,
        "access",
        "the second factor of every approval; empty: nothing can be confirmed",
    ),
    setting(
        "IDEM_TTL_SEC", "integer", "600", "access", "seconds that an Idempotency-Key is remembered", minimum=Decimal(1)
    ),
    setting(
        "API_RATE_PER_MIN", "integer", "30", "access", "mutating requests per token and minute", minimum=Decimal(1)
    ),
    setting("API_BURST", "integer", "10", "access", "mutating requests at once per token", minimum=Decimal(1)),
    setting(
        "APPROVAL_TTL_SEC",
        "integer",
        "900",
        "access",
        "seconds that an approval request stays valid",
        minimum=Decimal(1),
    ),
    setting(
        "NEW_OPERATOR_COOLDOWN_HOURS",
        "decimal",
        None,
        "access",
        "hours before a new operator may decide (24 in live, else 0)",
        minimum=ZERO,
    ),
    setting("SECRET_KEY", "secret", None, "access", "Django's signing key, at least 50 characters"),
    setting(
        "ALLOWED_HOSTS", "list", "127.0.0.1,localhost,[::1]", "access", "host names that the web process answers to"
    ),
    setting("CSRF_TRUSTED_ORIGINS", "list", "", "access", "origins behind a proxy, with scheme"),
)
SECRETS = (
    setting("SECRETS_STORE_PATH", "text", "", "secrets", "path of the secrets store (mode 0600)"),
    setting("SECRETS_ENC_KEY", "secret", None, "secrets", "Fernet keys, comma separated, newest first"),
    setting("SECRET_MAX_AGE_DAYS", "integer", "90", "secrets", "age that asks for a rotation", minimum=Decimal(1)),
    setting(
        "BACKUP_ENC_KEY", "secret", None, "secrets", "Fernet keys of the backups, newest first; kept away from them"
    ),
    setting("AUDIT_HMAC_KEY", "secret", None, "secrets", "key of the audit chain's hashes"),
    setting("AUDIT_SIGNING_KEY", "secret", None, "secrets", "Ed25519 seed (base64) that signs checkpoints"),
)
BINANCE = tuple(
    setting(name, kind, None, "binance", text)
    for name, kind, text in (
        ("BINANCE_API_KEY", "secret", "key"),
        ("BINANCE_API_SECRET", "secret", "secret"),
        ("BINANCE_LV_API_KEY", "secret", "key (older name)"),
        ("BINANCE_LV_API_SECRET", "secret", "secret (older name)"),
        ("BINANCE_LV_BASE_URL", "text", "base address override"),
        ("BINANCE_LV_API_KEY_TESTNET", "secret", "testnet key (older name)"),
        ("BINANCE_LV_API_SECRET_TESTNET", "secret", "testnet secret (older name)"),
        ("BINANCE_UM_API_KEY_TESTNET", "secret", "testnet key"),
        ("BINANCE_UM_API_SECRET_TESTNET", "secret", "testnet secret"),
        ("BINANCE_UM_BASE_TESTNET", "text", "testnet base address override"),
    )
)
OKX = tuple(
    setting(f"OKX_API_{part}{suffix}", "secret", None, "okx", f"{part.lower()}{' of the testnet' if suffix else ''}")
    for suffix in ("", "_TESTNET")
    for part in ("KEY", "SECRET", "PASSPHRASE")
)
