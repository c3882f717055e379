"""What forges say about made-up repositories, in the form each one documents: for tests that read answers, and for `FakeForge`.

>>> repo = MadeRepo("acme/skills", {"skills/a/skill.yaml": b"id: a"}, stars=7)
>>> github(repo)["stargazers_count"], gitlab(repo)["star_count"]
(7, 7)
>>> [row["path"] for row in repo.rows("")]
['skills']
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


def oid_of(kind: str, data: bytes) -> str:
    return hashlib.sha1(f"{kind} {len(data)}\0".encode() + data).hexdigest()


@dataclass
class MadeRepo:
    """A repository with real object ids. `commit` changes whenever the files do."""

    name: str
    files: Mapping[str, bytes] = field(default_factory=dict)
    stars: int = 0
    forks: int = 0
    owner_id: int = 1001
    repo_id: int = 2001
    branch: str = "main"
    pushed: str = "2026-01-02T03:04:05Z"
    archived: bool = False
    topics: tuple[str, ...] = ("ooder-skill",)
    description: str = "Skills of a made-up team"
    modes: Mapping[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    commit_id: str = ""

    @property
    def owner(self) -> str:
        return self.name.partition("/")[0]

    @property
    def commit(self) -> str:
        return self.commit_id or oid_of("commit", self.tree_oid("").encode())

    def blob(self, oid: str) -> bytes | None:
        return next((data for data in self.files.values() if oid_of("blob", data) == oid), None)

    def folders(self) -> list[str]:
        """All folders, the root ("") first."""
        found = {""}
        for path in self.files:
            parts = path.split("/")[:-1]
            found |= {"/".join(parts[: end + 1]) for end in range(len(parts))}
        return sorted(found)

    def tree_oid(self, folder: str) -> str:
        rows = self.rows(folder)
        raw = b"".join(f"{r['mode'].lstrip('0')} {r['path']}".encode() + b"\0" + bytes.fromhex(r["sha"]) for r in rows)
        return oid_of("tree", raw)

    def rows(self, folder: str, *, folded: bool = False) -> list[Json]:
        """What lies in `folder`, or with `folded` everything below it; paths are relative to it."""
        start = len(folder) + 1 if folder else 0
        inside = {
            path[start:]: data for path, data in self.files.items() if not folder or path.startswith(folder + "/")
        }
        names = sorted({path.partition("/")[0] for path in inside})
        found: list[Json] = []
        for name in names:
            full = folder + "/" + name if folder else name
            if name in inside:
                data = inside[name]
                mode = self.modes.get(full, "100644")
                kind = "commit" if mode == "160000" else "blob"
                found.append({"path": name, "mode": mode, "type": kind, "sha": oid_of("blob", data), "size": len(data)})
                continue
            found.append({"path": name, "mode": "040000", "type": "tree", "sha": self.tree_oid(full)})
            if folded:
                found += [{**row, "path": f"{name}/{row['path']}"} for row in self.rows(full, folded=True)]
        return found

    def folder_of(self, oid: str) -> str | None:
        """The folder whose tree (or the root whose commit) `oid` is."""
        if oid in (self.commit, self.branch):
            return ""
        return next((folder for folder in self.folders() if self.tree_oid(folder) == oid), None)


def github(repo: MadeRepo) -> Json:
    """`GET /repos/{owner}/{repo}` of GitHub, the fields that matter and some that do not."""
    return {
        "id": repo.repo_id,
        "node_id": "R_kgDOExample",
        "name": repo.name.partition("/")[2],
        "full_name": repo.name,
        "private": False,
        "owner": {"login": repo.owner, "id": repo.owner_id, "type": "Organization", "site_admin": False},
        "html_url": f"https://github.example/{repo.name}",
        "description": repo.description,
        "fork": False,
        "created_at": "2025-01-01T00:00:00Z",
        "updated_at": repo.pushed,
        "pushed_at": repo.pushed,
        "clone_url": f"https://github.example/{repo.name}.git",
        "homepage": None,
        "size": 108,
        "stargazers_count": repo.stars,
        "watchers_count": repo.stars,
        "language": "Java",
        "forks_count": repo.forks,
        "archived": repo.archived,
        "disabled": False,
        "open_issues_count": 0,
        "license": {"key": "mit", "name": "MIT License", "spdx_id": "MIT", "url": None},
        "topics": list(repo.topics),
        "visibility": "public",
        "default_branch": repo.branch,
    }


def gitee(repo: MadeRepo) -> Json:
    """The same of Gitee v5."""
    return {
        "id": repo.repo_id,
        "full_name": repo.name,
        "human_name": "某团队/技能",
        "url": f"https://gitee.example/api/v5/repos/{repo.name}",
        "namespace": {"id": repo.owner_id + 5, "type": "group", "name": "某团队", "path": repo.owner},
        "path": repo.name.partition("/")[2],
        "name": "技能",
        "owner": {"id": repo.owner_id, "login": repo.owner, "name": "某团队", "type": "User"},
        "description": repo.description,
        "private": False,
        "public": True,
        "internal": False,
        "fork": False,
        "html_url": f"https://gitee.example/{repo.name}.git",
        "stargazers_count": repo.stars,
        "forks_count": repo.forks,
        "watchers_count": 3,
        "default_branch": repo.branch,
        "license": "Apache-2.0",
        "pushed_at": repo.pushed.replace("Z", "+08:00"),
        "updated_at": repo.pushed.replace("Z", "+08:00"),
        "status": "开始",
        "project_labels": [{"id": 1, "name": topic, "ident": topic} for topic in repo.topics],
    }


def gitea(repo: MadeRepo) -> Json:
    """The same of Gitea and Forgejo."""
    return {
        "id": repo.repo_id,
        "owner": {"id": repo.owner_id, "login": repo.owner, "username": repo.owner},
        "name": repo.name.partition("/")[2],
        "full_name": repo.name,
        "description": repo.description,
        "empty": not repo.files,
        "private": False,
        "fork": False,
        "stars_count": repo.stars,
        "forks_count": repo.forks,
        "default_branch": repo.branch,
        "archived": repo.archived,
        "updated_at": repo.pushed,
        "website": "",
        "topics": list(repo.topics),
        "licenses": ["MIT"],
    }


def gitlab(repo: MadeRepo) -> Json:
    """The same of GitLab v4."""
    return {
        "id": repo.repo_id,
        "path_with_namespace": repo.name,
        "name": repo.name.rpartition("/")[2],
        "description": repo.description,
        "default_branch": repo.branch,
        "topics": list(repo.topics),
        "star_count": repo.stars,
        "forks_count": repo.forks,
        "last_activity_at": repo.pushed,
        "namespace": {"id": repo.owner_id, "kind": "group", "full_path": repo.name.rpartition("/")[0]},
        "archived": repo.archived,
        "visibility": "public",
        "empty_repo": not repo.files,
        "license": {"key": "mit", "name": "MIT License"},
    }


DESCRIBE = {"github": github, "gitee": gitee, "gitea": gitea, "gitlab": gitlab}


def commit_of(kind: str, repo: MadeRepo) -> Json:
    """The commit the default branch points at."""
    if kind == "gitlab":
        return {"id": repo.commit, "short_id": repo.commit[:8], "title": "A change", "parent_ids": []}
    return {
        "sha": repo.commit,
        "commit": {"message": "A change", "tree": {"sha": repo.tree_oid(""), "url": "https://forge.example/t"}},
        "parents": [],
    }


def blob_of(data: bytes, oid: str) -> Json:
    """A file, its base64 broken into lines as GitHub does."""
    text = base64.encodebytes(data).decode("ascii")
    return {
        "sha": oid,
        "node_id": "B_",
        "size": len(data),
        "url": "https://forge.example/b",
        "content": text,
        "encoding": "base64",
    }


def tags_of(kind: str, repo: MadeRepo) -> list[Json]:
    key = "id" if kind == "gitlab" else "sha"
    return [
        {
            "name": name,
            "commit": {key: commit, "url": "https://forge.example/c"},
            "zipball_url": "https://forge.example/z",
        }
        for name, commit in repo.tags.items()
    ]
