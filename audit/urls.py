"""The audit floor knows no roles, so its records are served one floor up, in approvals/api/records.py."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
