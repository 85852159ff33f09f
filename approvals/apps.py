from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ApprovalsConfig(AppConfig):
    name = "approvals"

    def ready(self) -> None:
        from axes.signals import user_locked_out  # models exist only now

        from approvals.actions import register_own_actions
        from approvals.roles import sync_groups
        from approvals.signals import locked_out

        register_own_actions()
        user_locked_out.connect(locked_out, dispatch_uid="approvals.locked_out")
        post_migrate.connect(sync_groups, dispatch_uid="approvals.sync_groups")
