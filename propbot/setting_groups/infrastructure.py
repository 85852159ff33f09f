"""Telegram, services, addresses and paths."""

from decimal import Decimal

from propbot.setting_groups.declare import setting

TELEGRAM = (
    setting("TELEGRAM_ENABLE", "flag", "false", "telegram", "run the bot and deliver alerts to it"),
    setting("TELEGRAM_BOT_TOKEN", "secret", None, "telegram", "the bot's token"),
    setting("TELEGRAM_CHAT_ID", "text", "", "telegram", "the only chat it answers in"),
    setting("TELEGRAM_PUSH_MINUTES", "integer", "5", "telegram", "minutes between status messages", minimum=Decimal(1)),
    setting("TELEGRAM_API_BASE", "text", "", "telegram", "address of the Bot API, for a stand-in"),
)
INFRASTRUCTURE = (
    setting(
        "DATABASE_URL",
        "secret",
        "postgres://postgres@127.0.0.1:5432/propbot",
        "infrastructure",
        "PostgreSQL 15 or later",
    ),
    setting("REDIS_URL", "secret", "redis://127.0.0.1:6379/0", "infrastructure", "Redis or Valkey 7 or later"),
    setting("DATA_DIR", "text", "data", "infrastructure", "directory of everything that PropBot writes"),
    setting(
        "PORT",
        "integer",
        "8000",
        "infrastructure",
        "port of the web process; PORT to PORT+9 are PropBot's",
        minimum=Decimal(1),
        maximum=Decimal(65526),
    ),
    setting("RECORDING", "text", "", "infrastructure", "directory that the simulator replays instead of its model"),
    setting(
        "SIMULATOR_OPTIONS",
        "text",
        "",
        "infrastructure",
        "more words for the simulator of make run, quoted as for a shell: --dislocate-every 25, --seed 7",
    ),
    setting("SIMULATOR_URL", "text", "", "infrastructure", "address of the venue simulator in the simulator profile"),
    setting("REPO", "text", "", "infrastructure", "repository part of the image name"),
    setting("TAG", "text", "", "infrastructure", "tag of the image"),
    setting("BUILD_LOCAL", "flag", "false", "infrastructure", "make up builds the image"),
    setting(
        "METRICS_PORT",
        "integer",
        "0",
        "infrastructure",
        "port on which a container serves its own counters; 0: none, the web process adds up the files of all",
        minimum=Decimal(0),
        maximum=Decimal(65535),
    ),
    setting(
        "STREAM_SHARDS",
        "integer",
        "1",
        "infrastructure",
        "processes that share the streamed symbols; the same for every process of the desk",
        minimum=Decimal(1),
        maximum=Decimal(16),
    ),
    setting(
        "OPS_WORKERS",
        "integer",
        "1",
        "infrastructure",
        "processes of make run that take the queue ops; with compose: --scale worker=N",
        minimum=Decimal(1),
        maximum=Decimal(16),
    ),
    setting("DEBUG", "flag", "false", "infrastructure", "Django's debug pages; never in live"),
    setting(
        "LOG_LEVEL",
        "text",
        "INFO",
        "infrastructure",
        "DEBUG, INFO, WARNING or ERROR",
        choices=("DEBUG", "INFO", "WARNING", "ERROR"),
    ),
)
