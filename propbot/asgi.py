"""HTTP and WebSocket in one application. The socket checks its origin before anything else reads it."""

import gc
import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "propbot.settings")
django.setup()  # loads the apps: what follows may import models

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402

from propbot.checks import start_process  # noqa: E402
from propbot.config import values  # noqa: E402
from propbot.console.routing import websocket_urlpatterns  # noqa: E402
from propbot.console.sights import SIGHTS  # noqa: E402
from propbot.console.socket_auth import BearerOrSession  # noqa: E402
from propbot.console.status_lane import StatusLane  # noqa: E402
from propbot.http.bounds import Bounded  # noqa: E402
from propbot.http.handler import OneHopHandler  # noqa: E402
from propbot.http.lifespan import Lifespan  # noqa: E402

if values().text("PROCESS") == "web":
    start_process()  # refuses before the server accepts its first connection

application = ProtocolTypeRouter(
    {
        "http": Bounded(StatusLane(OneHopHandler(), SIGHTS)),
        "lifespan": Lifespan(SIGHTS.close),
        # A missing, foreign or null Origin is refused with 403 (RELIABILITY H6).
        "websocket": AllowedHostsOriginValidator(BearerOrSession(URLRouter(websocket_urlpatterns))),
    }
)

if values().text("PROCESS") == "web":
    # What is loaded stays. From here on small steps: at the start's threshold one collection took 40 ms of a request.
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 20, 50)
