import pytest

from tests.access import probe_urls
from tests.access.people import cast  # noqa: F401 - a fixture
from tests.access.web import server  # noqa: F401 - a fixture


@pytest.fixture(autouse=True)
def probe_calls() -> list[str]:
    probe_urls.calls.clear()
    return probe_urls.calls
