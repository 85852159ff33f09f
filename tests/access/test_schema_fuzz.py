"""A few of the generated requests that ``make schema-fuzz`` asks by the twenty thousand."""

from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from tools.schema_fuzz.fuzz import fuzz


@pytest.mark.django_db(transaction=True)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.timeout(300)
def test_no_generated_request_meets_a_fault_or_an_answer_that_is_not_described(
    transactional_db: None, tmp_path: Path, settings: Any
) -> None:
    settings.PROPBOT = settings.PROPBOT.replace(API_BURST=100_000, API_RATE_PER_MIN=100_000)
    with override_settings(DATA_DIR=tmp_path):
        found = fuzz(300, seed_=1)
    assert found.total >= 300
    assert dict(found.faults) == {}
