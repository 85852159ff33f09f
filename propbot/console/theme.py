"""What the settings take from the console: the admin's navigation and the content policies. Data, no imports of Django.

The admin theme needs ``unsafe-eval`` (Alpine) and inline styles (STACK 6). PropBot's own pages have neither.
"""

from typing import Any

SELF, NONE = "'self'", "'none'"

CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, "'unsafe-eval'"],
        "style-src": [SELF, "'unsafe-inline'"],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
        "base-uri": [NONE],
        "object-src": [NONE],
    }
}


def _item(title: str, icon: str, model: str) -> dict[str, Any]:
    """A link to a model's list, shown to those who may see it."""
    app, _, name = model.partition(".")

    def may_view(request: Any) -> bool:
        return bool(request.user.has_perm(f"{app}.view_{name}"))

    return {"title": title, "icon": icon, "link": f"/admin/{app}/{name}/", "permission": may_view}


def _section(title: str, *items: dict[str, Any]) -> dict[str, Any]:
    return {"title": title, "separator": True, "collapsible": True, "items": list(items)}


NAVIGATION = [
    {
        "title": "Desk",
        "items": [
            {"title": "Dashboard", "icon": "speed", "link": "/ui/dashboard"},
            _item("Approvals", "how_to_reg", "approvals.approvalrequest"),
            _item("Desk state", "toggle_on", "risk.deskstate"),
            _item("Control settings", "tune", "risk.controlsettings"),
            _item("Alerts", "notifications", "audit.opsalert"),
        ],
    },
    _section(
        "Trading",
        _item("Hedges", "swap_horiz", "trading.hedge"),
        _item("Orders", "receipt_long", "trading.order"),
        _item("Hedge log", "history", "trading.hedgeattempt"),
        _item("Opportunities", "travel_explore", "trading.opportunity"),
        _item("Universe", "public", "trading.universeentry"),
        _item("Instruments", "straighten", "trading.instrument"),
        _item("Venue health", "monitor_heart", "trading.venuehealth"),
    ),
    _section(
        "Ledger",
        _item("Fills", "task_alt", "trading.fill"),
        _item("Funding", "payments", "trading.fundingpayment"),
        _item("Venue ledgers", "account_balance", "trading.venueledgerentry"),
        _item("Accounts", "account_balance_wallet", "trading.accountsnapshot"),
        _item("PnL snapshots", "show_chart", "trading.pnlsnapshot"),
        _item("Reconciliation", "rule", "trading.reconciliationround"),
    ),
    _section(
        "Risk",
        _item("Limits", "speed", "risk.risklimit"),
        _item("Strategies", "psychology", "risk.strategy"),
        _item("Skips", "block", "risk.riskskip"),
        _item("Entry blocks", "do_not_disturb_on", "risk.entryblock"),
        _item("Reservations", "bookmark", "risk.reservation"),
        _item("Governor samples", "thermostat", "risk.governorsample"),
    ),
    _section(
        "Record",
        _item("Audit trail", "verified_user", "audit.auditrecord"),
        _item("Desk starts", "restart_alt", "risk.deskstart"),
        _item("Control changes", "edit_note", "risk.controlchange"),
    ),
    _section(
        "People and access",
        _item("Persons", "badge", "approvals.person"),
        _item("Accounts", "person", "auth.user"),
        _item("Roles", "groups", "auth.group"),
        _item("Bearer tokens", "key", "knox.authtoken"),
        _item("One-time codes", "pin", "otp_totp.totpdevice"),
        _item("Failed logins", "lock_clock", "axes.accessattempt"),
    ),
    _section(
        "Schedule",
        _item("Periodic tasks", "schedule", "django_celery_beat.periodictask"),
        _item("Intervals", "timer", "django_celery_beat.intervalschedule"),
        _item("Crontabs", "calendar_month", "django_celery_beat.crontabschedule"),
    ),
]

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "PropBot",
    "SITE_HEADER": "PropBot",
    "SITE_SUBHEADER": "operations of the desk",
    "SITE_URL": "/ui/dashboard",
    "SITE_SYMBOL": "monitoring",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "ENVIRONMENT": "propbot.console.banner.environment",
    "STYLES": ["/static/console/admin.css"],
    "BORDER_RADIUS": "8px",
    "COLORS": {
        "primary": {
            "50": "245 243 255",
            "100": "237 233 254",
            "200": "221 214 254",
            "300": "196 181 253",
            "400": "167 139 250",
            "500": "139 92 246",
            "600": "124 58 237",
            "700": "109 40 217",
            "800": "91 33 182",
            "900": "76 29 149",
            "950": "46 16 101",
        }
    },
    "SIDEBAR": {"show_search": True, "show_all_applications": False, "navigation": NAVIGATION},
}
