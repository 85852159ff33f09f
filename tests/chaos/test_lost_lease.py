"""Found by the kills: a recovery that outlives its lease must not speak for the trader's next one."""

import pytest

from tests.engine.conftest import desk, shared, simulator  # noqa: F401 - the engine's stand
from tests.engine.desk import Desk, desk_stopped
from trading.services import recovery


@pytest.mark.parametrize("later", [0, 3])
def test_a_recovery_that_lost_its_lease_opens_nothing(
    desk: Desk,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    later: int,
) -> None:
    """The lease runs out while the venues are being asked; the same process may have taken the next one by then."""
    runtime = desk.runtime
    desk_stopped(epoch=2)
    runtime.epoch, runtime.recovered = 2, False

    def lose(name: str) -> None:
        if name == "recovery_resolved":
            runtime.epoch = later

    monkeypatch.setattr(recovery, "crashpoint", lose)
    assert recovery.recover(runtime=runtime).epoch == 2
    assert runtime.recovered is False
