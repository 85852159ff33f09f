from typing import Any

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "propbot.console"
    label = "console"

    def ready(self) -> None:
        """A committed change of the desk is pushed to the sockets; the hub's own polling is the floor."""
        from propbot.console.services.push import push_status
        from risk.signals import desk_changed

        def on_change(sender: Any, **kwargs: Any) -> None:
            push_status()

        desk_changed.connect(on_change, weak=False, dispatch_uid="console.push")
