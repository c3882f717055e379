"""A forge of our own on loopback: GitHub, Gitee, Gitea or GitLab, answering as each one documents, faults included.

async with FakeForge("github") as forge:
    forge.add(MadeRepo("acme/skills", {"skills/a/skill.yaml": b"id: a"}))
    forge.api     ->  http://127.0.0.1:PORT/api/v3
    forge.asked   ->  ["200 /repos/acme/skills", ...]
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from tests.fakes.forge_documents import DESCRIBE, MadeRepo, blob_of, commit_of, tags_of
from tests.fakes.web_server import WebServer

BASES = {"github": "/api/v3", "gitee": "/api/v5", "gitea": "/api/v1", "gitlab": "/api/v4"}
DOCS = {"documentation_url": "https://docs.forge.example/rest"}

Fault = Callable[[web.Request], web.StreamResponse | None]


class FakeForge(WebServer):
    """`rows` is the most rows of one tree, `allowance` the requests left (None: not counted), `faults` answer before anything else."""

    def __init__(self, kind: str = "github") -> None:
        super().__init__()
        self.kind = kind
        self.repos: dict[str, MadeRepo] = {}
        self.moved: dict[str, str] = {}
        self.rows = 100_000
        self.allowance: int | None = None
        self.reset = 0
        self.faults: list[Fault] = []
        self.asked_of: list[str] = []
        self.page_rows = 100

    @property
    def api(self) -> str:
        return self.url(BASES[self.kind])

    @property
    def asked(self) -> list[str]:
        """Status and path below the base, in order."""
        return self.asked_of

    def add(self, repo: MadeRepo) -> MadeRepo:
        self.repos[repo.name] = repo
        return repo

    def fail(self, part: str, status: int, body: Any = None, times: int = 1_000, **heads: str) -> None:
        """Answer whatever has `part` in its path with an error."""
        left = [times]

        def fault(request: web.Request) -> web.StreamResponse | None:
            if part not in request.path_qs or left[0] <= 0:
                return None
            left[0] -= 1
            text = body if isinstance(body, str) else json.dumps(body if body is not None else {"message": "no"})
            names = {name.replace("_", "-"): value for name, value in heads.items()}
            return web.Response(status=status, text=text, content_type="application/json", headers=names)

        self.faults.append(fault)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        answer = self._answer_now(request)
        self.asked_of.append(f"{answer.status} {unquote(request.path_qs).removeprefix(BASES[self.kind])}")
        return answer

    def _answer_now(self, request: web.Request) -> web.StreamResponse:
        for fault in self.faults:
            found = fault(request)
            if found is not None:
                return found
        if self.allowance == 0:
            heads = self._heads()
            text = {"message": "API rate limit exceeded for 203.0.113.9.", **DOCS}
            return web.json_response(text, status=403, headers=heads)
        path = unquote(request.raw_path.partition("?")[0]).removeprefix(BASES[self.kind])
        found_at = self._moved_to(path)
        if found_at:
            return web.json_response(
                {"message": "Moved Permanently", "url": found_at}, status=301, headers={"Location": found_at}
            )
        value, status, more = self._value(path, request)
        body = json.dumps(value, ensure_ascii=False).encode()
        etag = f'W/"{hashlib.sha1(body).hexdigest()}"'
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers={"ETag": etag, **self._heads()})
        counts = self._heads()
        if self.allowance is not None and self.kind == "github" and path.startswith("/search/"):
            counts |= {"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "8", "X-RateLimit-Resource": "search"}
        elif self.allowance is not None:
            self.allowance -= 1
            counts = self._heads()
        heads = {"ETag": etag, "Cache-Control": "private, max-age=0", **counts}
        if more:
            heads["Link"] = f'<{self.url("/next")}>; rel="next", <{self.url("/last")}>; rel="last"'
        return web.Response(status=status, body=body, content_type="application/json", charset="utf-8", headers=heads)

    def _heads(self) -> dict[str, str]:
        if self.allowance is None:
            return {}
        return {
            "X-RateLimit-Limit": "60",
            "X-RateLimit-Remaining": str(self.allowance),
            "X-RateLimit-Reset": str(self.reset),
            "X-RateLimit-Resource": "core",
        }

    def _moved_to(self, path: str) -> str:
        for old, new in self.moved.items():
            if path == f"/repos/{old}":
                return f"{self.api}/repositories/{self.repos[new].repo_id}"
        return ""

    def _value(self, path: str, request: web.Request) -> tuple[Any, int, bool]:
        describe = DESCRIBE[self.kind]
        lists = re.fullmatch(r"/(?:search/repositories|repos/search|projects)", path)
        owned = re.fullmatch(r"/(?:users|orgs|groups)/([^/]+)/(?:repos|projects)", path)
        if lists or owned:
            wanted = (
                self._found(request) if lists else [r for r in self.repos.values() if owned and r.owner == owned[1]]
            )
            if owned and (not wanted or (self.kind == "gitee" and path.startswith("/users"))):
                return {"message": "Not Found", **DOCS}, 404, False
            page = int(request.query.get("page", "1"))
            rows = [describe(repo) for repo in wanted[(page - 1) * self.page_rows : page * self.page_rows]]
            value: Any = rows
            if lists and self.kind == "github":
                value = {"total_count": len(wanted), "incomplete_results": False, "items": rows}
            if lists and self.kind == "gitea":
                value = {"ok": True, "data": rows}
            return value, 200, page * self.page_rows < len(wanted)
        by_id = re.fullmatch(r"/repositories/(\d+)", path)
        if by_id:
            return describe(next(repo for repo in self.repos.values() if repo.repo_id == int(by_id[1]))), 200, False
        part = re.fullmatch(
            r"/(?:repos|projects)/([^/]+/[^/]+)(?:/(?:repository/|git/)?(commits|trees|tree|blobs|tags)(?:/(.+))?)?",
            path,
        )
        repo = self.repos.get(part[1]) if part else None
        if part is None or repo is None:
            return {"message": "Not Found", **DOCS}, 404, False
        if not part[2]:
            return describe(repo), 200, False
        return self._inside(repo, part[2], part[3] or "", request)

    def _found(self, request: web.Request) -> list[MadeRepo]:
        text = (request.query.get("q") or request.query.get("topic") or request.query.get("search") or "").removeprefix(
            "topic:"
        )
        hits = [
            repo for repo in self.repos.values() if text in repo.topics or text in repo.name or text in repo.description
        ]
        return sorted(hits, key=lambda repo: -repo.stars)

    def _inside(self, repo: MadeRepo, what: str, name: str, request: web.Request) -> tuple[Any, int, bool]:
        if what == "tags":
            return tags_of(self.kind, repo), 200, False
        if what == "commits":
            if not repo.files:
                return {"message": "Git Repository is empty.", **DOCS}, 409, False
            name = request.query.get("sha") or request.query.get("ref_name") or ""
            known = name in (repo.branch, repo.commit) or name in repo.tags
            return ([commit_of(self.kind, repo)], 200, False) if known else ({"message": "No commit found"}, 422, False)
        if what == "blobs":
            data = repo.blob(name)
            return (blob_of(data, name), 200, False) if data is not None else ({"message": "Not Found"}, 404, False)
        oid = name or request.query["ref"]
        folder = repo.folder_of(oid)
        if folder is None:
            return {"message": "Not Found", **DOCS}, 404, False
        rows = repo.rows(folder, folded="recursive" in request.query)
        if self.kind == "gitlab":
            page = int(request.query["page"])
            shown = rows[(page - 1) * self.page_rows : page * self.page_rows]
            listed = [
                {
                    "id": r["sha"],
                    "name": r["path"].rpartition("/")[2],
                    "type": r["type"],
                    "path": r["path"],
                    "mode": r["mode"],
                }
                for r in shown
            ]
            return listed, 200, page * self.page_rows < len(rows)
        if self.kind == "gitea":
            page = int(request.query["page"])
            shown, more = rows[(page - 1) * self.rows : page * self.rows], page * self.rows < len(rows)
            whole = {"sha": oid, "tree": shown, "truncated": more, "page": page, "total_count": len(rows)}
            return whole, 200, False
        cut = len(rows) > self.rows
        return (
            {"sha": repo.tree_oid(folder), "url": self.url("/tree"), "tree": rows[: self.rows], "truncated": cut},
            200,
            False,
        )
