"""A look: read once within one decision, never kept where it would bind, and begun anew when something has changed."""

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from propbot.statements import Question
from risk import looks
from risk.looks import ask_ahead, asked, fresh_reads, looked, one_look, plainly, prepare, unread_look


class Source:
    """Counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def read(self) -> int:
        self.asked += 1
        return self.asked


@pytest.fixture(autouse=True)
def nothing_prepared() -> Iterator[None]:
    looks.forget()
    yield
    looks.forget()


def test_inside_a_look_a_question_is_asked_once() -> None:
    read = looked(plainly)(Source().read)
    with one_look():
        assert [read(), read()] == [1, 1]


def test_outside_a_look_every_question_is_asked() -> None:
    read = looked(plainly)(Source().read)
    assert [read(), read()] == [1, 2]


def test_a_nested_look_is_the_outer_one() -> None:
    read = looked(plainly)(Source().read)
    with one_look():
        read()
        with one_look():
            assert read() == 1


def test_what_binds_is_read_anew_within_a_look() -> None:
    read = looked(plainly)(Source().read)
    with one_look():
        read()
        with fresh_reads():
            assert read() == 2
        assert read() == 1


def test_two_questions_are_two_answers() -> None:
    asked: list[str] = []
    read = looked(lambda symbol: symbol)(lambda symbol: asked.append(symbol) or len(asked))
    with one_look():
        assert [read("BTCUSDT"), read("ETHUSDT"), read("BTCUSDT")] == [1, 2, 1]


def test_a_decision_begins_with_what_was_prepared() -> None:
    kept, bound = looked(plainly, prepared=True)(Source().read), looked(lambda: "bound")(Source().read)
    with prepare():
        assert (kept(), bound()) == (1, 1)
    with one_look():
        assert (kept(), bound()) == (1, 2)


def test_a_prepared_look_grows_old(monkeypatch: pytest.MonkeyPatch) -> None:
    read = looked(plainly, prepared=True)(Source().read)
    with prepare():
        read()
    monkeypatch.setattr(looks, "PREPARED_SECONDS", -1.0)
    with one_look():
        assert read() == 2


def test_a_change_throws_the_prepared_look_away() -> None:
    read = looked(plainly, prepared=True)(Source().read)
    with prepare():
        read()
    looks.forget()
    with one_look():
        assert read() == 2


def test_a_change_while_it_was_being_prepared_counts() -> None:
    read = looked(plainly, prepared=True)(Source().read)
    with prepare():
        read()
        looks.forget()
    with one_look():
        assert read() == 2


def test_an_unread_figure_is_not_kept() -> None:
    """Law 9: what could not be read is asked again, and raises again."""

    def broken() -> int:
        raise RuntimeError("unread")

    read = looked(plainly)(broken)
    with one_look():
        for _ in range(2):
            with pytest.raises(RuntimeError):
                read()


def test_a_sample_within_a_decision_reads_anew_and_once() -> None:
    """What a sample stores as current is never what the decision around it has read before."""
    read = looked(plainly, prepared=True)(Source().read)
    with prepare():
        read()
    with one_look():
        assert read() == 1
        with unread_look():
            assert [read(), read()] == [2, 2]
        assert read() == 1


def test_what_a_sample_reads_first_is_kept_by_the_look_that_prepares() -> None:
    read = looked(plainly, prepared=True)(Source().read)
    with prepare(), unread_look():
        read()
    with one_look():
        assert read() == 1


@asked(lambda number: number)
def doubled(number: int) -> Question[int]:
    return Question("SELECT %s::int * 2", [number], lambda found: int(found[0][0]))


@pytest.mark.django_db
def test_what_was_asked_ahead_is_not_asked_again() -> None:
    with one_look(), CaptureQueriesContext(connection) as seen:
        ask_ahead(doubled.ahead(1), doubled.ahead(2))
        assert [doubled(1), doubled(2)] == [2, 4]
    assert len(seen) == 1


@pytest.mark.django_db
def test_only_what_the_look_does_not_know_is_asked_ahead() -> None:
    with one_look():
        doubled(1)
        with CaptureQueriesContext(connection) as seen:
            ask_ahead(doubled.ahead(1))
        assert not seen.captured_queries


@pytest.mark.django_db
def test_what_is_asked_besides_is_asked_whatever_is_known_and_kept_by_nobody() -> None:
    question = Question("SELECT 7", (), lambda found: found[0][0])
    with one_look():
        assert ask_ahead(doubled.ahead(1), also=[question]) == [7]
        with CaptureQueriesContext(connection) as seen:
            assert ask_ahead(doubled.ahead(1), also=[question]) == [7]
        assert len(seen) == 1


@pytest.mark.django_db
def test_outside_a_look_nothing_is_asked_ahead() -> None:
    with CaptureQueriesContext(connection) as seen:
        assert ask_ahead(doubled.ahead(1)) == []
    assert not seen.captured_queries


def test_an_answer_that_came_with_another_is_put_into_the_look() -> None:
    read = looked(lambda symbol: symbol)(lambda symbol: "read")
    with one_look():
        read.put("put", "BTCUSDT")
        assert [read("BTCUSDT"), read("ETHUSDT")] == ["put", "read"]
    read.put("put", "BTCUSDT")
    assert read("BTCUSDT") == "read"
