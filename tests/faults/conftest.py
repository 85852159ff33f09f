"""The engine's trader and simulator, and a data directory of the test's own."""

from tests.access.people import cast as cast
from tests.engine.conftest import desk as desk
from tests.engine.conftest import shared as shared
from tests.engine.conftest import simulator as simulator
