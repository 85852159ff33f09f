from django.apps import AppConfig


class UpkeepConfig(AppConfig):
    name = "propbot.upkeep"
    label = "upkeep"
    verbose_name = "Upkeep"

    def ready(self) -> None:
        from propbot import checks  # noqa: F401 - registers the system checks
