"""Where a one-time code is enrolled, a password alone opens no session, on the dashboard's login and the admin's."""

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from tests.access.people import Cast, Member

pytestmark = pytest.mark.django_db
PASSWORD = "a-long-enough-password"
NOON = "2026-11-22T12:00:00Z"


def enrolled(user: User) -> str:
    """A confirmed device, and the code that it shows at noon."""
    user.set_password(PASSWORD)
    user.save()
    device = TOTPDevice.objects.create(user=user, name="phone", confirmed=True)
    generator = TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift)
    with time_machine.travel(NOON, tick=False):
        import time

        generator.time = time.time()
    return str(generator.token()).zfill(device.digits)


def signs_in(user: User, otp: str | None, path: str = "/ui/login") -> bool:
    browser = Client()
    body = {"username": user.get_username(), "password": PASSWORD, **({} if otp is None else {"otp": otp})}
    with time_machine.travel(NOON, tick=False):
        browser.post(path, body, follow=True)
        return "_auth_user_id" in browser.session


def test_a_password_alone_opens_nothing_where_a_code_is_enrolled(cast: Cast) -> None:
    enrolled(cast.alice.user)
    assert not signs_in(cast.alice.user, None)
    assert not signs_in(cast.alice.user, "")


def test_password_and_code_open_a_session_once(cast: Cast) -> None:
    code = enrolled(cast.alice.user)
    assert signs_in(cast.alice.user, code)
    assert not signs_in(cast.alice.user, code)


@pytest.mark.parametrize("otp", ["000000x", "abcdef", "' OR 1=1", "\uff11\uff12\uff13\uff14\uff15\uff16"])
def test_a_wrong_code_reads_like_a_wrong_password(cast: Cast, otp: str) -> None:
    enrolled(cast.alice.user)
    texts = []
    for password, code in ((PASSWORD, otp), ("wrong", "")):
        answer = Client().post("/ui/login", {"username": "alice", "password": password, "otp": code})
        assert answer.status_code == 200
        texts.append(str(answer.context["form"].non_field_errors()))
    assert texts[0] == texts[1]


def test_wrong_codes_lock_the_name_out(cast: Cast) -> None:
    enrolled(cast.alice.user)
    browser = Client()
    body = {"username": "alice", "password": PASSWORD, "otp": "000"}
    assert [browser.post("/ui/login", body).status_code for _ in range(6)][-1] == 429


def test_nobody_else_is_asked(cast: Cast) -> None:
    enrolled(cast.alice.user)
    who: Member = cast.vera
    who.user.set_password(PASSWORD)
    who.user.save()
    assert signs_in(who.user, None)


def test_the_admin_has_no_login_beside_it(cast: Cast) -> None:
    root = User.objects.create_superuser("root", password=PASSWORD)
    code = enrolled(root)
    assert not signs_in(root, None, "/admin/login/")
    assert Client().get("/admin/login/?next=/admin/").url == "/ui/login?next=/admin/"
    assert signs_in(root, code)
