"""A small Hugging Face hub: enough of its HTTP protocol for the real clients to fetch pinned repositories.

Served are repository info, trees, paths-info and files; whatever else a client asks for is answered with 404, as the
hub does for features that a repository lacks.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True)
class Repo:
    """One repository at one or more commits.

    Args:
        kind: "datasets" or "models".
        name: "ORG/NAME".
        commits: 40-hex commit -> (path -> content); the last one is `main`.
    """

    kind: str
    name: str
    commits: dict[str, dict[str, bytes]]

    @property
    def head(self) -> str:
        return list(self.commits)[-1]

    def commit(self, revision: str) -> str | None:
        if revision == "main":
            return self.head
        return revision if revision in self.commits else None


@dataclass
class Hub:
    """The server's address and what it was asked."""

    address: str
    requests: list[str] = field(default_factory=list)


def etag(content: bytes) -> str:
    """The git blob id, as the hub gives for files outside LFS."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    repos: tuple[Repo, ...]
    hub: Hub

    def do_GET(self) -> None:
        self._route(body=True)

    def do_HEAD(self) -> None:
        self._route(body=False)

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self._route(body=True, posted=self.rfile.read(length))

    def log_message(self, format: str, *args: Any) -> None:
        self.hub.requests.append(f"{self.command} {self.path}")

    def _route(self, body: bool, posted: bytes = b"") -> None:
        url = urlsplit(self.path)
        parts = [unquote(part) for part in url.path.strip("/").split("/")]
        for repo in self.repos:
            org, name = repo.name.split("/")
            if parts[:4] == ["api", repo.kind, org, name]:
                return self._api(repo, parts[4:], parse_qs(url.query), posted)
            files = [org, name, "resolve"] if repo.kind == "models" else [repo.kind, org, name, "resolve"]
            if parts[: len(files)] == files:
                revision, *path = parts[len(files) :]
                return self._file(repo, revision, "/".join(path), body)
        return self._missing("RepoNotFound", "Repository not found")

    def _api(self, repo: Repo, rest: list[str], query: dict[str, list[str]], posted: bytes) -> None:
        what, revision = rest[:2] if len(rest) > 1 else ("revision", "main")
        commit = repo.commit(revision)
        if commit is None:
            return self._missing("RevisionNotFound", f"Invalid rev id: {revision}")
        files = repo.commits[commit]
        if what == "revision":
            siblings = [{"rfilename": name} for name in sorted(files)]
            return self._json({"id": repo.name, "sha": commit, "private": False, "tags": [], "siblings": siblings})
        if what == "tree":
            return self._tree(files, "".join(f"{part}/" for part in rest[2:]), query.get("recursive") == ["true"])
        if what == "paths-info":
            try:
                asked = json.loads(posted)["paths"]
            except ValueError:
                asked = parse_qs(posted.decode())["paths"]
            asked = [asked] if isinstance(asked, str) else asked
            return self._json([_entry(name, files[name]) for name in asked if name in files])
        return self._missing("EntryNotFound", f"no such endpoint: {what}")

    def _tree(self, files: dict[str, bytes], under: str, recursive: bool) -> None:
        inside = [name for name in sorted(files) if name.startswith(under)]
        if not inside:
            return self._missing("EntryNotFound", f"{under} does not exist")
        folders = {under + name.removeprefix(under).partition("/")[0] for name in inside} - set(inside)
        entries = [{"type": "directory", "path": name, "size": 0, "oid": etag(b"")} for name in sorted(folders)]
        shown = [name for name in inside if recursive or "/" not in name.removeprefix(under)]
        return self._json(entries + [_entry(name, files[name]) for name in shown])

    def _file(self, repo: Repo, revision: str, path: str, body: bool) -> None:
        commit = repo.commit(revision)
        if commit is None:
            return self._missing("RevisionNotFound", f"Invalid rev id: {revision}")
        content = repo.commits[commit].get(path)
        if content is None:
            return self._missing("EntryNotFound", "Entry not found", {"X-Repo-Commit": commit})
        headers = {"ETag": f'"{etag(content)}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        start = 0
        asked = self.headers.get("Range", "")
        if asked.startswith("bytes="):
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start = int(first)
            total, content = len(content), content[start : int(last) + 1 if last else None]
            headers["Content-Range"] = f"bytes {start}-{start + len(content) - 1}/{total}"
        return self._send(206 if asked else 200, content, "application/octet-stream", headers, body)

    def _json(self, value: Any) -> None:
        self._send(200, json.dumps(value).encode(), "application/json", {})

    def _missing(self, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        content = json.dumps({"error": message}).encode()
        named = {"X-Error-Code": code, "X-Error-Message": message, **(headers or {})}
        self._send(404, content, "application/json", named, self.command != "HEAD")

    def _send(self, status: int, content: bytes, kind: str, headers: dict[str, str], body: bool = True) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content)


def _entry(name: str, content: bytes) -> dict[str, Any]:
    return {"type": "file", "path": name, "size": len(content), "oid": etag(content)}


@contextmanager
def serve(*repos: Repo) -> Iterator[Hub]:
    """A hub with `repos` on a free port of this machine, until the block is left."""
    hub = Hub("")
    handler = type("Handler", (_Handler,), {"repos": repos, "hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
