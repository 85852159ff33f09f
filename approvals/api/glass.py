"""Break-glass over HTTP: any signed-in person, any two codes, nothing but stopping and reducing."""

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from approvals.api.base import AUDITORS, EVERYONE, DeskView
from approvals.glass import REDUCING
from approvals.services.glass import MOST, NEEDED, glass_break, glass_payload
from propbot.http.serializers import StrictSerializer


class BreakGlassBody(StrictSerializer):
    action = serializers.ChoiceField(choices=REDUCING)
    codes = serializers.ListField(
        child=serializers.CharField(max_length=64), min_length=NEEDED, max_length=MOST, write_only=True
    )


class BreakGlassView(DeskView):
    """Two sealed codes stop the desk when no approver can be reached; no code loosens anything."""

    read_roles = AUDITORS
    write_roles = EVERYONE

    def get(self, request: Request) -> Response:
        return Response(glass_payload())

    def post(self, request: Request) -> Response:
        given = self.body(request, BreakGlassBody)
        return Response(glass_break(codes=given["codes"], action=given["action"], reason=given["reason"]))
