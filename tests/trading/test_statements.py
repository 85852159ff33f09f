"""What the way from a quote to the wire may ask of the database, frozen: each statement more delays every hedge.

The figures that risk asks of trading are this folder's own; the desk's cost one statement more in the decision and two
in the journal (``make bench`` counts them).
"""

from propbot.clock import utc_now
from risk import looks
from tests.engine.desk import Desk
from tests.trading.test_auto_hedge import ready as ready
from tests.trading.test_edge_take import crossed as crossed
from tools.bench.phases import AFTERWARDS, DECISION, FIRST_MARK, JOURNAL, SECOND_MARK, phases
from trading.models import Order
from trading.services.edge_take import decision_prepare, edge_take


def test_a_hedge_asks_no_more_than_this_before_its_orders_leave(crossed: Desk) -> None:
    looks.forget()
    decision_prepare(epoch=1, now=utc_now())
    with phases() as seen:
        assert edge_take(["BTCUSDT"], now=utc_now()) == "opened"
    counts = {name: count for name, count in seen.counts.items() if name != AFTERWARDS}
    assert counts == {DECISION: 9, JOURNAL: 10, FIRST_MARK: 3, SECOND_MARK: 4}
    assert Order.objects.filter(status="filled").count() == 2
