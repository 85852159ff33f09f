"""The list of hedges, and what is counted and compared of those that are not over."""

from decimal import Decimal

import pytest

from propbot.console.selectors import hedge_page
from propbot.console.selectors.desk import hedge_counts, legs_unequal
from tests.access.people import Cast
from tests.console.hedges import make_hedge, make_hedges
from trading.choices import HedgeStatus
from trading.models import Hedge, Leg

pytestmark = pytest.mark.django_db(transaction=True)


def listed(cast: Cast, query: str = "") -> str:
    answer = cast.vera.get(f"/ui/hedges{query}")
    assert answer.status_code == 200, answer.content[:300]
    return str(answer.content.decode())


def test_pages_go_on_beyond_what_is_counted(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hedge_page, "MOST_COUNTED", 3)
    monkeypatch.setattr(hedge_page, "COUNTED", "SELECT count(*) FROM (SELECT FROM trading_hedge {} LIMIT 4) AS first")
    newest_first = list(reversed(make_hedges(6)))
    first, last = listed(cast, "?limit=2"), listed(cast, "?limit=2&offset=4")
    assert "1 to 2 of more than 3" in first
    assert "offset=2" in first
    assert [str(hedge.pk) in last for hedge in newest_first] == [False] * 4 + [True] * 2
    assert "offset=6" not in last


def test_a_line_follows_its_hedge(cast: Cast) -> None:
    hedge = make_hedge()
    assert 'is-good">open<' in listed(cast)
    Hedge.objects.filter(pk=hedge.pk).update(status=HedgeStatus.CLOSED, realized_pnl_usdt=Decimal("1.25"))
    after = listed(cast, "?status=closed&symbol=btcusdt")
    assert "+1.2500" in after
    assert 'is-good">open<' not in after
    assert "No hedge matches." in listed(cast, "?status=open")


def test_what_a_line_shows_is_text_and_never_markup(cast: Cast) -> None:
    make_hedge(initiator="<b onclick=x>")
    assert "<b onclick" not in listed(cast)
    assert "&lt;b onclick=x&gt;" in listed(cast)


@pytest.mark.parametrize("left", [Decimal(0), Decimal("0.004")])
def test_legs_that_hold_unequal_quantities_are_seen_until_the_hedge_is_over(left: Decimal) -> None:
    make_hedge()
    hedge = make_hedge()
    assert legs_unequal() is False
    Leg.objects.filter(hedge=hedge, position_side="short").update(quantity=left, exited_quantity=Decimal("0.01") - left)
    assert legs_unequal() is True
    Hedge.objects.filter(pk=hedge.pk).update(status=HedgeStatus.CLOSING)
    assert legs_unequal() is False


def test_counts_tell_real_from_simulated() -> None:
    make_hedge()
    make_hedge(simulated=True)
    make_hedge(simulated=True, status=HedgeStatus.PARTIAL)
    make_hedge(status=HedgeStatus.CLOSED)
    found = hedge_counts()
    assert (found["open"], found["simulated"], found["simulated_partial"]) == (1, 2, 1)
