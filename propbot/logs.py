"""Structured logs: one JSON object a line, correlated, redacted, with every control character escaped."""

import json
from collections.abc import MutableMapping
from typing import Any

import structlog

from propbot import redaction

Event = MutableMapping[str, Any]


def redact_event(_: Any, __: str, event: Event) -> Event:
    """Runs after the exception has become text, so that a traceback is covered too."""
    return {str(name): redaction.redact_field(str(name), value) for name, value in event.items()}


def to_json(_: Any, __: str, event: Event) -> str:
    """ASCII only: line breaks, ANSI sequences and bidi marks arrive as escapes (RELIABILITY H17)."""
    return json.dumps(event, default=str, ensure_ascii=True)


def _shared() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,  # plain text: local variables would carry keys
        structlog.processors.UnicodeDecoder(),
    ]


def configure_structlog() -> None:
    structlog.configure(
        processors=[*_shared(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def logging_config(level: str) -> dict[str, Any]:
    """Django's LOGGING: everything goes to standard output, where the supervisor or the container collects it."""
    configure_structlog()
    quiet = {"level": "WARNING"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _shared(),
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, redact_event, to_json],
            }
        },
        "handlers": {"stdout": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stdout"}},
        "root": {"handlers": ["stdout"], "level": level},
        "loggers": {
            # ccxt and its transport print whole requests, signatures included, below WARNING.
            **dict.fromkeys(("ccxt", "aiohttp", "httpx", "httpcore", "asyncio", "urllib3", "telegram"), quiet),
            "django.server": {"handlers": ["stdout"], "level": "WARNING", "propagate": False},
            "celery.app.trace": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            "django_celery_beat.schedulers": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
        },
    }
