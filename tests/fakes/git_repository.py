"""Real git repositories made on the spot, good and hostile, without the user's git settings.

>>> repository = MadeRepository(tmp_path / "repo")           # doctest: +SKIP
>>> commit = repository.commit({"skills/a/skill.yaml": "id: a"})
>>> repository.url
'file:///.../repo'
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

_ENVIRONMENT = {
    "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_AUTHOR_DATE": "1700000000 +0000",
    "GIT_COMMITTER_DATE": "1700000000 +0000",
    "GIT_ALLOW_PROTOCOL": "file",
}


class MadeRepository:
    """A bare repository built from objects: no work tree, so a tree may contain what no checkout would allow."""

    def __init__(self, path: Path, *, filters: bool = True, branch: str = "main") -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self.branch = branch
        subprocess.run(
            ["git", "init", "-q", "--bare", "-b", branch, "--template=", str(path)], check=True, env=_ENVIRONMENT
        )
        if filters:
            self.git("config", "uploadpack.allowFilter", "true")

    @property
    def url(self) -> str:
        return f"file://{self.path}"

    def git(self, *args: str, data: bytes = b"") -> str:
        done = subprocess.run(
            ["git", f"--git-dir={self.path}", *args], input=data, env=_ENVIRONMENT, capture_output=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.decode("utf-8", "surrogateescape").strip()

    def blob(self, data: bytes) -> str:
        return self.git("hash-object", "-w", "--stdin", data=data)

    def tree(self, rows: Sequence[tuple[str, str, str, str]]) -> str:
        """A tree of (mode, kind, oid, name), however odd; written byte for byte, so git has no say."""
        order = sorted(rows, key=lambda row: row[3] + ("/" if row[1] == "tree" else ""))
        raw = b"".join(
            f"{mode.lstrip('0')} {name}".encode("utf-8", "surrogateescape") + b"\0" + bytes.fromhex(oid)
            for mode, _, oid, name in order
        )
        return self.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", data=raw)

    def commit(self, files: Mapping[str, str | bytes], *, rewrite: bool = False) -> str:
        """Commit exactly `files` on top of the branch; with `rewrite`, on top of nothing."""
        lines = []
        for name, content in files.items():
            oid = self.blob(content.encode("utf-8") if isinstance(content, str) else content)
            lines.append(f"100644 {oid}\t{name}\n")
        self.git("read-tree", "--empty")
        self.git("update-index", "--index-info", data="".join(lines).encode("utf-8"))
        return self.commit_tree(self.git("write-tree"), rewrite=rewrite)

    def commit_tree(self, tree: str, *, rewrite: bool = False) -> str:
        old = self.git("for-each-ref", "--format=%(objectname)", f"refs/heads/{self.branch}")
        parent = ["-p", old] if old and not rewrite else []
        new = self.git("commit-tree", tree, *parent, "-m", "A change")
        self.git("update-ref", f"refs/heads/{self.branch}", new)
        return new
