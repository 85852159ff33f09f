"""What answers where no view does: JSON under /api/, the pages elsewhere. Nothing of the fault is told."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults


def _refused(code: str, message: str, status: int) -> JsonResponse:
    detail = {"error": code, "message": message}
    return JsonResponse({"detail": detail, **detail}, status=status)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith("/api/"):
        return _refused("not_found", "there is no such route", 404)
    return defaults.page_not_found(request, exception)


def failed(request: HttpRequest) -> HttpResponse:
    if request.path.startswith("/api/"):
        return _refused("internal_error", "it failed inside, and nothing of it was done", 500)
    return defaults.server_error(request)
