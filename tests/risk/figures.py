"""Figures that trading would tell, and the cast at work: what the tests of this floor share."""

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import Group, User

from approvals.models import Person, PersonAccount
from approvals.services import approval_decide
from audit.context import Actor, acting_as
from risk import ports as risk_ports
from risk.intents import ExecutionFigures, ExposureSnapshot, PnlFigures, VenueFigures
from risk.models import DeskState
from risk.services import desk as desk_services
from risk.services.control import control_change
from tests.risk.plain import NOW as NOW
from tests.risk.plain import D
from tests.risk.plain import make_intent as make_intent
from tests.risk.plain import venue_figures as venue_figures

TOKEN = "tests-only-approve-token"


@dataclass
class Figures:
    """What trading would tell; a test changes one and looks what risk does."""

    exposure: ExposureSnapshot = field(default_factory=lambda: ExposureSnapshot(taken_at=NOW))
    pnl: PnlFigures = field(default_factory=lambda: PnlFigures(taken_at=NOW, unrealized_usdt=D(0)))
    venues: list[VenueFigures] = field(default_factory=lambda: [venue_figures("binance-um"), venue_figures("okx-perp")])
    execution: ExecutionFigures = field(default_factory=ExecutionFigures)
    in_flight: list[str] = field(default_factory=list)
    unproven: int = 0
    clean_rounds: int = 2

    def ports(self) -> risk_ports.TradingPorts:
        return risk_ports.TradingPorts(
            exposure=lambda: self.exposure,
            pnl=lambda now: self.pnl,
            venues=lambda: self.venues,
            execution=lambda now: self.execution,
            in_flight=lambda: self.in_flight,
            unproven_orders=lambda: self.unproven,
            reconciliation_clean_rounds=lambda epoch: self.clean_rounds,
        )


def make_person(name: str, role: str) -> Person:
    user = User.objects.create(username=name)  # tokens and actors act here; nobody logs in
    user.groups.add(Group.objects.get(name=role))
    person = Person.objects.create(name=name, operator_since=NOW if role == "operator" else None)
    PersonAccount.objects.create(user=user, person=person)
    return person


@dataclass
class Cast:
    alice: Person
    bob: Person
    vera: Person
    otto: Person

    def acting(self, name: str) -> AbstractContextManager[None]:
        person: Person = getattr(self, name)
        role = {"vera": "viewer", "otto": "auditor"}.get(name, "operator")
        return acting_as(Actor(name=name, person_id=str(person.pk), role=role, channel="api"))

    def approve(self, name: str, request: Any) -> dict[str, Any]:
        with self.acting(name):
            return approval_decide(approval_id=request.pk, approve=True, token=TOKEN)

    def clear_hold(self) -> None:
        with self.acting("alice"):
            request = desk_services.resume_request(reason="all is well")
        self.approve("bob", request)

    def loosen(self, **changes: Any) -> None:
        with self.acting("alice"):
            requests = control_change(changes=changes, reason="agreed").requests
        for request in requests:
            self.approve("bob", request)

    def run_desk(self, *, dry_run: bool = True) -> None:
        """Steps 2 to 6 of SPEC 4."""
        self.clear_hold()
        self.loosen(safe_mode=False)
        if not dry_run:
            self.loosen(dry_run_mode=False)
        with self.acting("alice"):
            desk_services.resume(reason="go")


def the_desk() -> DeskState:
    return DeskState.objects.get(pk=1)
