"""The suite's own footing."""

import os

import pytest
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import connection


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("_", range(2))
def test_a_transactional_test_leaves_nothing_behind(_: int) -> None:
    assert not ContentType.objects.filter(app_label="left-behind").exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM auth_user")
        assert cursor.fetchone()[0] == 0
        cursor.execute(
            "INSERT INTO auth_user (password, is_superuser, username, first_name, last_name, email, is_staff,"
            " is_active, date_joined) VALUES ('x', false, 'left', '', '', '', false, true, now())"
        )


def test_the_suite_does_not_see_the_settings_of_its_caller() -> None:
    assert settings.PROPBOT.text("APPROVE_TOKEN") == os.environ["APPROVE_TOKEN"] == "tests-only-approve-token"
    assert settings.PROPBOT.text("RECORDING") == ""
