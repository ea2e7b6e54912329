"""A site on localhost, for a look."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from fmbench.errors import InputError


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()


def server(site: Path, port: int) -> ThreadingHTTPServer:
    """A server of the files under `site` on 127.0.0.1; port 0 takes a free one. Raises InputError."""
    if not (site / "index.html").is_file():
        raise InputError(f"{site}: no index.html there; `fmbench leaderboard build` makes one")
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), partial(_Quiet, directory=str(site)))
    except (OSError, OverflowError) as error:
        raise InputError(f"port {port}: {error}") from None
