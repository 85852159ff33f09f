"""Every number that a form of the admin takes: found in the forms themselves, and tried with what is none."""

from collections.abc import Iterator
from typing import Any

import pytest
from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import RequestFactory

from propbot.http.fields import NumberField
from propbot.http.serializers import StrictSerializer
from risk.admin.base import ReasonForm, ValueForm
from tests.risk.test_numbers import TEXTS, subclasses

NO_NUMBER = ["NaN", "nan", "sNaN", "Infinity", "-inf", "1e400", "-1e400", "9" * 5000, "1" * 39, "0x10", "1,5", "--1"]
NUMERIC = (forms.IntegerField, forms.DecimalField, forms.FloatField)
CRONTAB = {"minute", "hour", "day_of_month", "month_of_year", "day_of_week"}
SIGNED = {"latitude", "longitude"}


@pytest.fixture
def request_of_root() -> Any:
    request = RequestFactory().get("/")
    request.user = User(username="root", is_superuser=True, is_staff=True, is_active=True)
    return request


def editable(request: Any) -> Iterator[tuple[str, type[forms.ModelForm[Any]]]]:
    """The rows that somebody may change by hand, the most powerful account asking."""
    for model, its_admin in admin.site._registry.items():
        if its_admin.has_change_permission(request) or its_admin.has_add_permission(request):
            yield model.__name__, its_admin.get_form(request)


def numeric(form: type[forms.BaseForm]) -> set[str]:
    declared: dict[str, forms.Field] = form.base_fields  # type: ignore[attr-defined]
    return {name for name, field in declared.items() if isinstance(field, NUMERIC) or name in CRONTAB}


@pytest.mark.django_db
def test_no_form_of_the_admin_takes_what_is_no_number(request_of_root: Any) -> None:
    tried = set()
    for model, form in editable(request_of_root):
        for name in numeric(form):
            spelled = {"1,5"} if name in CRONTAB else {"-1"} if name in SIGNED else set()  # these mean something there
            for text in {*NO_NUMBER, "-1"} - spelled:
                assert name in form({name: text}).errors, (model, name, text[:20])
            tried.add(model)
    assert tried == {"PeriodicTask", "IntervalSchedule", "CrontabSchedule", "SolarSchedule"}  # beat's own, no limit


def test_the_one_form_of_ours_with_a_figure_reads_it_like_the_api() -> None:
    """Limits have no form of the database's: their pages ask through this one, whose service checks again."""
    ours = [form for form in subclasses(forms.Form) if form.__module__.split(".")[0] in {"risk", "trading", "propbot"}]
    figures = {form: set(form.base_fields) - set(ReasonForm.base_fields) for form in ours}
    assert {form for form, names in figures.items() if names} == {ValueForm}
    assert figures[ValueForm] == {"value"}
    for text in [*NO_NUMBER, *(text for text in TEXTS if text not in {"-1", " 1"})]:
        assert "value" in ValueForm({"value": text, "reason": "r"}).errors, text[:20]


def test_no_body_reads_a_number_in_another_way() -> None:
    """The framework's own fields would take 1e400 for an overflow and NaN for a decimal."""
    others = ("IntegerField", "FloatField", "DecimalField", "DurationField", "JSONField")
    for body in subclasses(StrictSerializer):
        odd = {name for name, field in body().fields.items() if type(field).__name__ in others}
        assert not odd, (body.__name__, odd)
        assert all(isinstance(field, NumberField) for name, field in body().fields.items() if name.endswith("_usdt"))
