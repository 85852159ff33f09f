"""One line a request, with its id, its address and its answer; the last one, for the first would say nothing more."""

import pytest
import structlog
from structlog.testing import capture_logs

from tests.access.people import Cast

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_request_is_one_line_with_who_asked_what_and_what_came_of_it(cast: Cast) -> None:
    bound = [structlog.contextvars.merge_contextvars]
    with capture_logs(processors=bound) as lines:
        cast.vera.call("GET", "/api/ui/status/overview", X_Request_Id="desk-7")
        cast.vera.post("/api/ui/hold", {"reason": "not hers"})
    ended = [line for line in lines if line["event"].startswith("request_")]
    assert [line["event"] for line in ended] == ["request_finished", "request_finished"]
    first, second = ended
    assert (first["request"], first["code"], first["request_id"]) == ("GET /api/ui/status/overview", 200, "desk-7")
    assert (second["request"], second["code"]) == ("POST /api/ui/hold", 403)
    assert first["ip"] == "127.0.0.1"
    assert len(second["request_id"]) == 36


def test_a_callers_own_id_is_cut_short_in_the_log(cast: Cast) -> None:
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        cast.vera.call("GET", "/api/ui/status/overview", X_Request_Id="x" * 20_000)
    assert {len(line["request_id"]) for line in lines if line["event"] == "request_finished"} == {128}
