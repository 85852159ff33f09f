"""Alerts on their way to Telegram, against a stand-in that answers as the Bot API does."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from audit.choices import DeliveryStatus
from audit.models import AlertDelivery
from audit.services import alert
from audit.services.delivery import LONGEST_PAUSE, alerts_deliver, pause_after
from propbot.clock import utc_now

pytestmark = pytest.mark.django_db
TOKEN = "123456:bot-token-of-the-tests"


class Bot:
    def __init__(self) -> None:
        self.texts: list[str] = []
        self.paths: list[str] = []
        self.status = 200
        self.retry_after = ""
        bot = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                bot.paths.append(self.path)
                if bot.status == 200:
                    bot.texts.append(body["text"])
                self.send_response(bot.status)
                if bot.retry_after:
                    self.send_header("Retry-After", bot.retry_after)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *args: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def bot(settings) -> Iterator[Bot]:
    given = Bot()
    thread = threading.Thread(target=given.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    settings.PROPBOT = settings.PROPBOT.replace(
        TELEGRAM_ENABLE=True, TELEGRAM_BOT_TOKEN=TOKEN, TELEGRAM_CHAT_ID="42", TELEGRAM_API_BASE=given.url
    )
    yield given
    given.server.shutdown()
    given.server.server_close()
    thread.join()


def test_an_alert_arrives_once(bot: Bot) -> None:
    alert(kind="hold", severity="critical", text="HOLD engaged by alice")
    assert alerts_deliver() == 1
    assert alerts_deliver() == 0
    assert len(bot.texts) == 1
    assert bot.texts[0].startswith("[!!!]")
    assert "hold: HOLD engaged by alice" in bot.texts[0]
    assert bot.paths == [f"/bot{TOKEN}/sendMessage"]


def test_a_failure_is_tried_again_later_and_not_at_once(bot: Bot) -> None:
    alert(kind="hold", severity="critical", text="HOLD")
    bot.status = 500
    assert alerts_deliver() == 0
    row = AlertDelivery.objects.get()
    assert (row.status, row.attempts, row.error) == (DeliveryStatus.PENDING, 1, "status 500")
    assert row.next_attempt_at > utc_now()
    bot.status = 200
    assert alerts_deliver() == 0
    AlertDelivery.objects.update(next_attempt_at=utc_now())
    assert alerts_deliver() == 1


def test_the_channels_own_pause_is_kept(bot: Bot) -> None:
    alert(kind="hold", severity="critical", text="HOLD")
    bot.status, bot.retry_after = 429, "120"
    alerts_deliver()
    assert AlertDelivery.objects.get().next_attempt_at > utc_now() + timedelta(seconds=100)


def test_a_flood_becomes_one_digest(bot: Bot) -> None:
    for number in range(12):
        alert(kind="hedge", severity="info", text=f"hedge {number}")
    assert alerts_deliver() == 12
    assert len(bot.texts) == 1
    assert bot.texts[0].startswith("12 alerts, held back")
    assert set(AlertDelivery.objects.values_list("status", flat=True)) == {DeliveryStatus.DIGESTED}


def test_no_error_carries_the_bots_token(bot: Bot, capsys, caplog) -> None:
    alert(kind="hold", severity="critical", text="HOLD")
    bot.server.shutdown()
    bot.server.server_close()
    alerts_deliver()
    assert TOKEN not in AlertDelivery.objects.get().error
    assert TOKEN not in caplog.text + capsys.readouterr().out


def test_without_telegram_an_alert_has_nowhere_to_go_and_is_kept() -> None:
    alert(kind="hold", severity="critical", text="HOLD")
    assert not AlertDelivery.objects.exists()


def test_pauses_double_up_to_five_minutes() -> None:
    assert [pause_after(n).total_seconds() for n in (0, 1, 2)] == [2, 4, 8]
    assert pause_after(50) == LONGEST_PAUSE
