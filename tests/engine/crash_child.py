"""A trader of its own that opens, closes or recovers once, and dies where PROPBOT_CRASH_AT says."""

import os


def run(action: str) -> None:
    """``open`` and ``quote`` (with a resting first leg), ``close``, ``recover``."""
    from tests.engine.conftest import build_runtime
    from tests.engine.desk import Desk, Simulator
    from trading.models import Hedge
    from trading.runtime.handle import install
    from trading.services.closing import hedge_close
    from trading.services.execution import hedge_open
    from trading.services.recovery import recover

    runtime = build_runtime()
    install(runtime)
    runtime.epoch, runtime.recovered = int(os.environ["ENGINE_EPOCH"]), True
    desk = Desk(runtime, Simulator(None, os.environ["SIMULATOR_URL"]))  # type: ignore[arg-type]
    if action in ("open", "quote"):
        hedge_open(plan=desk.plan(first="long", post_only=action == "quote"), attempt=None)
    elif action == "close":
        hedge_close(hedge_id=Hedge.objects.latest("created_at").pk, reason="operator")
    else:
        runtime.recovered = False
        recover(runtime=runtime)
    runtime.close()
