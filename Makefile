# PropBot. `make run` and `make test` need Python 3.11 or later and nothing else.
PORT ?= 8000
DATA_DIR ?= data
BASE_PYTHON := $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV := .venv
PYTHON := $(VENV)/bin/python
PIP := $(PYTHON) -m pip --disable-pip-version-check --quiet
export PORT DATA_DIR

.DEFAULT_GOAL := help
.PHONY: up down logs curl-health backup release lock sbom audit-deps stack-smoke help install install-dev run test check mutation risk-bench chaos format walkthrough bench console-bench clean schema-fuzz confirm-races
.PHONY: faults soak load

help:
	@echo "make run          the whole desk on PORT ($(PORT)), with its data in DATA_DIR ($(DATA_DIR))"
	@echo "make walkthrough  plays both operators against a running desk"
	@echo "make console-bench  how fast the pages are, empty and with 100,000 hedges (needs PostgreSQL and Redis)"
	@echo "make test         the test suite, from nothing"
	@echo "make bench        what PropBot costs, beside a bare script; writes docs/reports/bench.json"
	@echo "make chaos        breaks the engine in every known way and asks the oracle; CHAOS=--quick, or more words"
	@echo "make faults       stops, empties, fills and freezes the desk's services and processes (RELIABILITY D and E)"
	@echo "make soak         a desk for an hour, one fault a minute, judged by the oracle; SOAK='--minutes 3' is a trial"
	@echo "make load         HTTP, WebSocket, quotes and HOLD under load against a desk; LOAD='--seconds 10' is a trial"
	@echo "make mutation     puts small wrongs into the risk rules and counts what the tests notice"
	@echo "make schema-fuzz  20,000 generated requests over all roles against the OpenAPI document (an hour or more)"
	@echo "make confirm-races  50 approvals of one request at once, 100 times; and a killed approver, HOLD, role loss"
	@echo "make risk-bench   the cost of gate and governor, and the race for one cap"
	@echo "make up           production with docker compose (BUILD_LOCAL=1 builds the image here); down, logs, curl-health"
	@echo "make stack-smoke  production's processes, commands and settings without Docker, on local PostgreSQL and Redis"
	@echo "make backup       an encrypted backup of database, audit files and secrets store, read back and proven"
	@echo "make release TAG=1.2.3  the annotated tag of this version, pushed; lock, sbom and audit-deps go with it"
	@echo "make check        formatting, lint, types, floors, templates, migrations, security"

$(VENV)/.installed: requirements.txt
	@test -n "$(BASE_PYTHON)" || { echo "PropBot needs Python 3.11 or later"; exit 1; }
	@echo "make: installing into $(VENV), once"
	@test -x $(PYTHON) || $(BASE_PYTHON) -m venv $(VENV)
	@$(PIP) install -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt requirements.txt
	@echo "make: installing the tools of the tests into $(VENV), once"
	@test -x $(PYTHON) || $(BASE_PYTHON) -m venv $(VENV)
	@$(PIP) install -r requirements-dev.txt
	@touch $(VENV)/.installed $@

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev

run: install
	@exec $(PYTHON) -m propbot.supervisor --parent $$PPID

walkthrough: install
	@exec $(PYTHON) manage.py walkthrough

test: install-dev
	@exec $(PYTHON) -m propbot.supervisor.services -- $(PYTHON) -m tests

mutation: install-dev
	@exec $(PYTHON) -m tools.mutation

risk-bench: install-dev
	@exec $(PYTHON) -m propbot.supervisor.services -- $(PYTHON) -m tools.risk_bench

bench: install-dev
	@exec $(PYTHON) -m propbot.supervisor.services -- $(PYTHON) -m tools.bench

console-bench: install
	@exec $(PYTHON) -m tools.console_bench

check: install-dev
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(VENV)/bin/lint-imports --no-logo
	$(VENV)/bin/djade --check --target-version 5.2 $$(git ls-files 'templates/**/*.html' 'propbot/console/templates/**/*.html')
	$(PYTHON) manage.py makemigrations --check --dry-run
	$(PYTHON) -m bandit -q -c pyproject.toml -r propbot audit approvals risk trading
	$(PYTHON) -m pytest -q tests/house

chaos: install-dev
	@exec $(PYTHON) -m propbot.supervisor.services -- $(PYTHON) -m tools.chaos $(CHAOS)

format: install-dev
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

schema-fuzz: install-dev
	@exec $(PYTHON) -m propbot.supervisor.services -- $(PYTHON) -m tools.schema_fuzz

confirm-races: install-dev
	@exec $(PYTHON) -m propbot.supervisor.services -- $(PYTHON) -m tools.confirm_races

faults: install-dev
	@FAULTS=1 exec $(PYTHON) -m propbot.supervisor.services -- $(PYTHON) -m pytest -q -rs tests/faults

soak: install-dev
	@exec $(PYTHON) -m tools.soak $(SOAK)

load: install-dev
	@exec $(PYTHON) -m tools.load $(LOAD)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .import_linter_cache staticfiles

# Production on this host: docs/operations/bring_up.md. ENV_FILE names another environment.
ENV_FILE ?= .env.prod
COMPOSE := docker compose -f docker-compose.prod.yml $(if $(filter 1 true yes,$(BUILD_LOCAL)),-f docker-compose.build.yml) --env-file $(ENV_FILE)

up:
	@test -f $(ENV_FILE) || { echo "make: copy .env.prod.example to $(ENV_FILE) and fill it in"; exit 1; }
	@test -d secrets || { echo "make: make the secrets first: python3 ops/make_secrets.py"; exit 1; }
	$(if $(filter 1 true yes,$(BUILD_LOCAL)),BUILD_COMMIT=$$(git rev-parse HEAD) $(COMPOSE) build)
	$(COMPOSE) up -d --wait

down:
	$(COMPOSE) down

logs:
	$(COMPOSE) logs --follow --tail 200 $(SERVICE)

# Exit 0 only when the whole desk is healthy; what fails is named.
curl-health:
	@curl --silent --show-error --max-time 10 --header "Host: $${DESK_HOST:-localhost}" --header "X-Forwarded-Proto: https" \
	  --write-out '\n%{http_code}\n' http://127.0.0.1:$(PORT)/healthz | tee /dev/stderr | tail -n 1 | grep -qx 200

backup: install
	@exec $(PYTHON) manage.py backup $(if $(TO),--to $(TO)) $(if $(KEEP),--keep $(KEEP))

stack-smoke: install
	@exec $(PYTHON) -m propbot.supervisor.services -- $(PYTHON) -m tools.stack

release:
	@exec $(BASE_PYTHON) -m tools.release $(TAG)

lock:
	@exec $(BASE_PYTHON) -m tools.release.lock $(if $(CONSTRAINTS),--constraints $(CONSTRAINTS))

sbom: install
	@exec $(PYTHON) -m tools.release.sbom

# Asks a public service about known weaknesses: it needs the network.
audit-deps: install-dev
	@exec $(PYTHON) -m pip_audit --require-hashes --disable-pip -r requirements.lock
