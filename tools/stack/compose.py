"""docker-compose.prod.yml as ``docker compose config`` would print it: anchors resolved, variables put in."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = re.compile(r"\$(?:(\$)|\{([A-Z_]+)(?:(:?[-?])([^}]*))?\})")
CMD = re.compile(r"^CMD (\[.*\])$", re.MULTILINE)


class ComposeError(Exception):
    """The compose file asks for a variable that the environment lacks."""


def interpolated(text: str, environ: Mapping[str, str]) -> str:
    """``${NAME}``, ``${NAME:-default}``, ``${NAME:?error}`` and ``$$`` as Compose reads them."""

    def value(match: re.Match[str]) -> str:
        dollar, name, operator, word = match.groups()
        if dollar:
            return "$"
        found = environ.get(name, "")
        if found or (name in environ and operator and not operator.startswith(":")):
            return found
        if operator and operator.endswith("?"):
            raise ComposeError(f"{name}: {word}")
        return word or ""

    return VARIABLE.sub(value, text)


def _put_in(node: Any, environ: Mapping[str, str]) -> Any:
    if isinstance(node, str):
        return interpolated(node, environ)
    if isinstance(node, list):
        return [_put_in(item, environ) for item in node]
    if isinstance(node, dict):
        return {key: _put_in(item, environ) for key, item in node.items()}
    return node


def configuration(environ: Mapping[str, str], *files: str) -> dict[str, Any]:
    """The services by name; a later file's services are added to the first one's."""
    services: dict[str, Any] = {}
    for name in files or ("docker-compose.prod.yml",):
        document = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
        for service, table in _put_in(document["services"], environ).items():
            services[service] = {**services.get(service, {}), **table}
    return services


def env_file(path: Path) -> dict[str, str]:
    """NAME=value lines of an env file, comments left out."""
    pairs = (
        line.partition("=") for line in path.read_text(encoding="utf-8").splitlines() if re.match(r"[A-Z_]+=", line)
    )
    return {name: value for name, _, value in pairs}


def image_command() -> list[str]:
    """What the image runs where a service says nothing: the Dockerfile's last CMD."""
    found = CMD.findall((ROOT / "Dockerfile").read_text(encoding="utf-8"))
    command: list[str] = json.loads(found[-1])
    return command


@dataclass(frozen=True)
class Service:
    """One of PropBot's own services, as it would run."""

    name: str
    command: list[str]
    environment: dict[str, str]
    secrets: tuple[str, ...]
    health: list[str] | None
    profiles: tuple[str, ...]


def own_services(environ: Mapping[str, str]) -> dict[str, Service]:
    """PropBot's services in the file's order."""
    return {
        name: Service(
            name=name,
            command=[str(word) for word in table.get("command") or image_command()],
            environment={key: str(value) for key, value in table["environment"].items()},
            secrets=tuple(table.get("secrets", ())),
            health=table.get("healthcheck", {}).get("test"),
            profiles=tuple(table.get("profiles", ())),
        )
        for name, table in configuration(environ).items()
        if "/propbot:" in table["image"]
    }
