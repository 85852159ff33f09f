"""Django settings. Values come from propbot.config; nothing here is read at import elsewhere."""

import gc
import os
import secrets
import warnings
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import django_stubs_ext
import environ

from propbot import build, config, env, logs, schedule
from propbot.console import theme

# What a process imports stays: at Python's threshold of 700 the collector spends a sixth of every start on it.
gc.set_threshold(50_000, 20, 50)
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
PROPBOT, PROPBOT_PROBLEMS = env.read(config.SETTINGS, os.environ)
DATA_DIR = Path(PROPBOT.text("DATA_DIR"))
DATA_DIR = DATA_DIR if DATA_DIR.is_absolute() else BASE_DIR / DATA_DIR

# An unset key is a fatal check where sessions matter; a process that only runs checks still loads.
SECRET_KEY = PROPBOT.text("SECRET_KEY") or secrets.token_urlsafe(64)
DEBUG = PROPBOT.flag("DEBUG")
ALLOWED_HOSTS = list(PROPBOT.texts("ALLOWED_HOSTS"))
CSRF_TRUSTED_ORIGINS = list(PROPBOT.texts("CSRF_TRUSTED_ORIGINS"))

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.guardian",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "knox",
    "guardian",
    "django_filters",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "axes",
    "csp",
    "channels",
    "django_htmx",
    "django_celery_beat",
    "django_prometheus",
    "django_structlog",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "propbot.upkeep",
    "audit",
    "approvals",
    "risk",
    "trading",
    "propbot.console",
]
MIDDLEWARE = [
    "propbot.http.reserved.ReservedConnectionMiddleware",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "propbot.http.request_log.RequestLogMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]
ROOT_URLCONF = "propbot.urls"
ASGI_APPLICATION = "propbot.asgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

_database = environ.Env.db_url_config(PROPBOT.text("DATABASE_URL"))
_database["HOST"] = unquote(_database["HOST"])  # a unix socket's directory is percent-encoded in the address
# A frozen process must not hold the desk lock for ever (RELIABILITY S4).
_timeouts = "-c idle_in_transaction_session_timeout=2000 -c lock_timeout=1000 -c statement_timeout=5000"
# A web request runs in a thread of its own: without a pool each would connect anew (several ms, and a new backend).
_pooled = PROPBOT.text("PROCESS") == "web"
DATABASES = {
    "default": {
        **_database,
        "ATOMIC_REQUESTS": False,
        "CONN_MAX_AGE": 0 if _pooled else 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": 5,
            **_database.get("OPTIONS", {}),
            **({"pool": {"min_size": 2, "max_size": 24, "timeout": 2}} if _pooled else {}),
            "options": _timeouts,
            "application_name": f"propbot-{PROPBOT.text('PROCESS') or 'manage'}",
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = PROPBOT.text("REDIS_URL")
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}
CHANNEL_LAYERS = {
    "default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}
}

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
AXES_VERBOSE = False
ANONYMOUS_USER_NAME = None
LOGIN_URL = "/ui/login"

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = True
# Only an image collects static files; a checkout serves them through the finders.
warnings.filterwarnings("ignore", message="No directory at", category=UserWarning)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PARSER_CLASSES": ["propbot.http.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["propbot.http.renderers.DeskJSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "propbot.http.exceptions.handler",
    "COERCE_DECIMAL_TO_STRING": True,
}
REST_KNOX = {"AUTH_HEADER_PREFIX": "Bearer", "TOKEN_TTL": timedelta(hours=24), "AUTO_REFRESH": False}
SPECTACULAR_SETTINGS = {
    "TITLE": "PropBot",
    "VERSION": build.number(),
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# Beyond loopback the desk stands behind a proxy that ends TLS; there cookies travel over TLS alone.
BEHIND_TLS = PROPBOT.text("PROFILE") in ("testnet", "live") or any(
    origin.startswith("https://") for origin in CSRF_TRUSTED_ORIGINS
)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_TLS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Strict"
SESSION_COOKIE_AGE = 12 * 3600
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = BEHIND_TLS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS else None
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 262_144
# The admin's Alpine needs eval and inline styles (STACK, decision 6); our own pages set a stricter policy.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'", "'unsafe-eval'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True

# kombu names a unix socket otherwise than redis-py.
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")
CELERY_RESULT_BACKEND = CELERY_BROKER_URL
CELERY_TASK_DEFAULT_QUEUE = "ops"
CELERY_TASK_ROUTES = {
    f"trading.tasks.{module}.*": {"queue": "trading"} for module in ("engine", "attempts", "scanning")
} | {"trading.tasks.scanning.basis_tick": {"queue": "ops"}}
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = CELERY_RESULT_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_RESULT_EXPIRES = 600
CELERY_TASK_IGNORE_RESULT = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = CELERY_TASK_SEND_SENT_EVENT = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
# Lost tasks come back after the visibility timeout, which is above the longest task; without keepalive a
# dead connection waits for ever (STACK, traps).
_over_tcp = not REDIS_URL.startswith("unix://")
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 120,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_timeout": 30,
    "health_check_interval": 10,
    **({"socket_connect_timeout": 5, "socket_keepalive": True} if _over_tcp else {}),
}
CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS = {"retry_policy": {"timeout": 5.0}}
CELERY_REDIS_SOCKET_TIMEOUT = 30.0
CELERY_REDIS_SOCKET_CONNECT_TIMEOUT = 5.0
CELERY_REDIS_SOCKET_KEEPALIVE = _over_tcp
CELERY_REDIS_BACKEND_HEALTH_CHECK_INTERVAL = 10
CELERY_REDIS_RETRY_ON_TIMEOUT = True
CELERY_BEAT_SCHEDULE = schedule.entries(PROPBOT)
CELERY_BEAT_MAX_LOOP_INTERVAL = 1
DJANGO_CELERY_BEAT_TZ_AWARE = True

CONTENT_SECURITY_POLICY = theme.CONTENT_SECURITY_POLICY
UNFOLD = theme.UNFOLD
LOGGING = logs.logging_config(PROPBOT.text("LOG_LEVEL"))
