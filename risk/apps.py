from django.apps import AppConfig
from django.db.models.signals import post_migrate


class RiskConfig(AppConfig):
    name = "risk"

    def ready(self) -> None:
        from risk import actions, glass, seeding  # models exist only now

        actions.register()
        glass.register()
        post_migrate.connect(seeding.seed_all, sender=self, dispatch_uid="risk.seed_all")
