"""The form of a login: name, password and, where one is enrolled, a one-time code."""

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_login_failed

from approvals.services.tokens import login_otp_check
from propbot.errors import RefusedError


class DeskLoginForm(AuthenticationForm):
    """Asks for the code in the same step: whoever guesses a password does not learn that it was right.

    A wrong code counts as a failed login, so the lockout holds for codes too.
    """

    otp = forms.CharField(required=False, max_length=16, strip=True)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        user = self.get_user()
        if isinstance(user, User):
            self._check_code(user, cleaned.get("otp"))
        return cleaned

    def _check_code(self, user: User, otp: str | None) -> None:
        try:
            login_otp_check(user=user, otp=otp)
        except RefusedError:
            user_login_failed.send(sender=__name__, credentials={"username": user.get_username()}, request=self.request)
            raise self.get_invalid_login_error() from None
