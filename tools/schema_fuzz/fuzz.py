"""The requests that Schemathesis makes of the document, asked in this process, and what an answer may be.

An answer is wrong when its status is 5xx (503 where the document names it is a refusal, not a fault), is not in the
document, has a content type that the document does not name, or a body that its schema does not accept.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count, cycle
from typing import Any
from unittest import mock

import requests
import schemathesis
from django.contrib.auth.models import User
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, seed, settings
from jsonschema import Draft202012Validator, ValidationError
from schemathesis import GenerationMode

from tests.access.people import make_cast
from tools.schema_fuzz.findings import Findings

BASE = "http://testserver"
# Nobody runs the trader here: what is asked of it is answered 202 at once.
NO_WAIT = mock.patch("trading.services.submission.WAIT_SECONDS", 0.0)
UNAVAILABLE = 503
PER_ROUND = 10


@dataclass(frozen=True)
class Caller:
    name: str
    client: Client


def callers() -> list[Caller]:
    """One of each role by token, an operator and a superuser without a group by session, and nobody."""
    cast = make_cast()
    people = [Caller(who.person.name, Client(headers={"Authorization": f"Bearer {who.token}"})) for who in cast]
    browser, root = Client(), Client()
    browser.force_login(cast.alice.user, backend="django.contrib.auth.backends.ModelBackend")
    superuser = User.objects.create_superuser("root", password=None)
    root.force_login(superuser, backend="django.contrib.auth.backends.ModelBackend")
    return [*people, Caller("session", browser), Caller("superuser", root), Caller("anonymous", Client())]


def document() -> Any:
    return json.loads(json.dumps(SchemaGenerator().get_schema(request=None, public=True), default=str))


def ask(client: Client, case: Any) -> Any:
    """The generated request as bytes on the wire would be, without its generated credentials."""
    given_ = case.as_transport_kwargs(base_url=BASE)
    given_.pop("timeout", None)
    given_.pop("auth", None)
    prepared = requests.Request(**given_).prepare()
    headers = {
        name: value for name, value in prepared.headers.items() if name.lower() not in ("authorization", "cookie")
    }
    kind = headers.pop("Content-Type", "application/json")
    body = prepared.body or b""
    data = body if isinstance(body, bytes) else str(body).encode()
    client.raise_request_exception = False
    return client.generic(prepared.method or "GET", prepared.path_url, data, content_type=str(kind), headers=headers)


def fault_of(operation: Any, answer: Any) -> str | None:
    """What the document does not allow of this answer."""
    named = operation["responses"].get(str(answer.status_code))
    if answer.status_code >= 500 and not (answer.status_code == UNAVAILABLE and named):
        return f"status {answer.status_code}"
    if named is None:
        return f"status {answer.status_code} is not in the document"
    kind = str(answer.headers.get("Content-Type", "")).split(";")[0]
    content = named.get("content", {})
    if kind not in content:
        return f"{answer.status_code} as {kind} is not in the document"
    if kind != "application/json":
        return None
    try:
        _validator(json.dumps(content[kind]["schema"])).validate(
            json.loads(answer.content, parse_constant=_no_constant)
        )
    except (ValidationError, ValueError) as error:
        return f"{answer.status_code} breaks the schema: {str(error).splitlines()[0][:80]}"
    return None


@cache
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads(schema))


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _asking(findings: Findings, who: Callable[[], Caller], raw: Any, label: str) -> Callable[[Any], None]:
    def run(case: Any) -> None:
        caller = who()
        answer = ask(caller.client, case)
        findings.asked[caller.name] += 1
        findings.statuses[answer.status_code] += 1
        fault = fault_of(raw, answer)
        if fault:
            findings.note(
                f"{label}: {fault}", f"{caller.name} {case.path_parameters} {case.query} {str(case.body)[:200]}"
            )

    return run


def fuzz(total: int, *, seed_: int, only: Sequence[str] = (), seconds: float = float("inf")) -> Findings:
    """About ``total`` requests, the same number per operation, half of them proper and half of them not.

    Asked in rounds over all operations, so that a run that ends after ``seconds`` has asked every operation too.
    """
    raw = document()
    operations = [item.ok() for item in schemathesis.openapi.from_dict(raw).get_all_operations()]
    chosen = [item for item in operations if not only or item.path in only]
    findings, turn, until = Findings(), cycle(callers()), time.monotonic() + seconds
    each = min(PER_ROUND, max(1, -(-total // (2 * len(chosen)))))
    with NO_WAIT:
        for number in count(seed_):
            for item in chosen:
                run = _asking(findings, turn.__next__, raw["paths"][item.path][item.method.lower()], item.label)
                for mode in GenerationMode:
                    _generate(item, mode, each, number, run)
            if findings.total >= total or time.monotonic() > until:
                return findings
    raise AssertionError("count() never ends")


def _generate(item: Any, mode: GenerationMode, each: int, seed_: int, run: Callable[[Any], None]) -> None:
    """Hypothesis gives fewer where an operation has fewer different requests: those are asked again by other callers."""
    made: list[Any] = []

    def keep(case: Any) -> None:
        made.append(case)

    chosen = settings(
        max_examples=each,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    try:
        seed(seed_)(chosen(given(item.as_strategy(generation_mode=mode))(keep)))()
    except Exception as error:  # Schemathesis has no request of this mode for an operation without parameters
        if mode is GenerationMode.POSITIVE or "negat" not in str(error).lower():
            raise
        return
    for case in (made[number % len(made)] for number in range(each if made else 0)):
        run(case)
