"""The page of the API, with a content policy that allows what that page loads and no more."""

import base64
import hashlib
import re

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse

_CDN = "https://cdn.jsdelivr.net"
_ICON = "https://fastapi.tiangolo.com"


def install(app: FastAPI) -> None:
    """Add the page at /docs."""
    page = get_swagger_ui_html(openapi_url="/openapi.json", title=f"{app.title}: the API")
    policy = _policy(bytes(page.body).decode())
    page.headers["Content-Security-Policy"] = policy

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return page


def _policy(html: str) -> str:
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    ours = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {ours} {_CDN}; style-src {_CDN} 'unsafe-inline'; "
        f"img-src data: {_ICON}; connect-src 'self'; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
