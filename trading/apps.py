from django.apps import AppConfig


class TradingConfig(AppConfig):
    name = "trading"

    def ready(self) -> None:
        from trading.services import glass_steps, kill_requests, universe
        from trading.services.ports import ports_register
        from trading.strategies.registry import register

        register()
        ports_register()
        universe.register()
        kill_requests.register()
        glass_steps.register()
