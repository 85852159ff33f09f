"""WebSocket routes."""

from django.urls import URLPattern, path

from propbot.console.consumers import StatusConsumer

websocket_urlpatterns: list[URLPattern] = [
    path("ws/status", StatusConsumer.as_asgi()),
]
