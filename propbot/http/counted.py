"""What django_prometheus counts of a request, for answers that do not pass its middlewares: the same names and labels."""

from typing import Any

from django_prometheus.middleware import Metrics

METHOD = "GET"


class CountedAnswers:
    """The answers of one view to plain GETs over one transport. Labels are looked up once."""

    def __init__(self, view: str, *, transport: str, charset: str, template: str) -> None:
        metrics = Metrics.get_instance()
        self._one_more: tuple[Any, ...] = (
            metrics.requests_total,
            metrics.requests_by_method.labels(method=METHOD),
            metrics.requests_by_transport.labels(transport=transport),
            metrics.requests_by_view_transport_method.labels(view=view, transport=transport, method=METHOD),
            metrics.responses_by_templatename.labels(templatename=template),
            metrics.responses_by_status.labels(status="200"),
            metrics.responses_by_status_view_method.labels(status="200", view=view, method=METHOD),
            metrics.responses_by_charset.labels(charset=charset),
            metrics.responses_total,
        )
        self._asked_bytes, self._answered_bytes = metrics.requests_body_bytes, metrics.responses_body_bytes
        self._seconds: tuple[Any, ...] = (
            metrics.requests_latency_before,
            metrics.requests_latency_by_view_method.labels(view=view, method=METHOD),
        )

    def count(self, *, answered_bytes: int, seconds: float) -> None:
        for counter in self._one_more:
            counter.inc()
        self._asked_bytes.observe(0)
        self._answered_bytes.observe(answered_bytes)
        for histogram in self._seconds:
            histogram.observe(seconds)
