"""A trader in a process of its own that takes up approved secrets and dies where PROPBOT_CRASH_AT says."""

import django

django.setup()

from approvals.services.sealed import sealed_secrets_apply  # noqa: E402

if __name__ == "__main__":
    sealed_secrets_apply()
