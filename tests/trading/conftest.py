"""The cast with tokens, risk's view of trading as figures that a test sets, and a desk that two people let run."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.test import override_settings

from approvals.services import approval_decide
from risk import ports as risk_ports
from risk.services import desk as desk_services
from risk.services.control import control_change
from tests.access.people import APPROVE_TOKEN, Cast, Member
from tests.access.people import cast as cast
from tests.engine.conftest import desk as desk
from tests.engine.conftest import shared as shared
from tests.engine.conftest import simulator as simulator
from tests.risk.conftest import Figures
from tests.risk.conftest import setting as setting

RunDesk = Callable[[], None]


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path) -> Iterator[Path]:
    with override_settings(DATA_DIR=tmp_path):
        yield tmp_path


@pytest.fixture
def figures() -> Iterator[Figures]:
    before = list(risk_ports._registered)
    facts = Figures()
    risk_ports.register(facts.ports())
    yield facts
    risk_ports._registered[:] = before


def approve(member: Member, request_id: object) -> dict[str, object]:
    with member.acting():
        return approval_decide(approval_id=str(request_id), approve=True, token=APPROVE_TOKEN)


def loosen(cast: Cast, **changes: object) -> None:
    with cast.alice.acting():
        requests = control_change(changes=changes, reason="agreed").requests
    for request in requests:
        approve(cast.bob, request.pk)


@pytest.fixture
def run_desk(cast: Cast, figures: Figures) -> RunDesk:
    """Steps 2 to 6 of SPEC 4; dry run stays on."""

    def run() -> None:
        with cast.alice.acting():
            request = desk_services.resume_request(reason="all is well")
        approve(cast.bob, request.pk)
        loosen(cast, safe_mode=False)
        with cast.alice.acting():
            desk_services.resume(reason="go")

    return run
