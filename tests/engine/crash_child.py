"""A trader in a process of its own that opens, closes or recovers once, and dies where PROPBOT_CRASH_AT says."""

import os
import sys

import django


def main(action: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "propbot.settings")
    django.setup()
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
    if action == "open":
        hedge_open(plan=desk.plan(first="long", post_only="--quote" in sys.argv), attempt=None)
    elif action == "close":
        hedge_close(hedge_id=Hedge.objects.latest("created_at").pk, reason="operator")
    else:
        runtime.recovered = False
        recover(runtime=runtime)
    runtime.close()


if __name__ == "__main__":
    main(sys.argv[1])
