"""Git repositories, for real (port `sources.ports.Git`): bare partial mirrors that are only ever read, never checked out.

What it guarantees (SECURITY 4): no work tree, no hook, no filter, no submodule and no link of a repository has a code path;
a mirror is made in a new folder and renamed into place when it is whole; a broken one is made anew; nothing is written outside
`<home>`. What it leaves to others: what the files mean.

A mirror holds commits and trees of depth one, and the blobs somebody asked for. Its own configuration knows no remote: the
address and the partial-clone settings are given to fetching commands only. So a command that reads a mirror cannot reach the
network, an object that is not there is simply missing, and no address is written to disk.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Final

from node.io.git_process import GitFailedError, GitOverflowError, GitProcess
from protocol import limits
from protocol.errors import DataError, IntegrityError, OoderError, StorageError, UnavailableError
from protocol.git_rules import CommitNote, RepoUrl, Tip, Tree, mirror_name, read_tip, read_tree, tip_patterns
from sources.ports import GitBounds

_CONFIG: Final = "[core]\n\trepositoryformatversion = {version}\n\tbare = true\n{sha256}"
_KEPT: Final = "refs/ooder"  # one ref for every commit that was fetched
_FETCH: Final = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--recurse-submodules=no")
_LOCK_PAUSE: Final = 0.05  # seconds between two tries for a lock held by another process


class GitMirrors:
    """All mirrors of one node, under `home` (`<OODER_HOME>/cache/git`)."""

    def __init__(self, home: Path, bounds: GitBounds | None = None) -> None:
        self._home = home
        self._bounds = bounds or GitBounds()
        self._empty = home / "empty-home"
        self.process = GitProcess(self._empty, self._bounds)

    async def tip(self, url: RepoUrl, ref: str) -> Tip | None:
        """See `Git.tip`: exactly one `ls-remote`."""
        with self._explained(url, self._bounds.tip_s):
            self._make_home()
            asked = ("ls-remote", "--symref", "--", "origin", *tip_patterns(ref))
            return read_tip(await self.process.run(asked, url, self._bounds.tip_s), ref)

    async def tree(self, url: RepoUrl, tip: Tip) -> Tree:
        """See `Git.tree`."""
        with self._explained(url, self._bounds.transfer_s):
            async with self._locked(url) as mirror:
                return await self._tree_of(mirror, url, tip.commit)

    async def blobs(self, url: RepoUrl, commit: str, oids: Sequence[str], most: int) -> dict[str, bytes | int]:
        """See `Git.blobs`."""
        with self._explained(url, self._bounds.transfer_s):
            async with self._locked(url) as mirror:
                if not _exists(mirror):
                    await self._tree_of(mirror, url, commit)
                # One pack: trees only, as a rule. Asking git first what is there would be a command for nothing.
                found = await self._read(mirror, oids, most) if len(_packs(mirror)) > 1 else {}
                missing = [oid for oid in dict.fromkeys(oids) if oid not in found]
                if missing:
                    wanted = "".join(f"{oid}\n" for oid in missing).encode("ascii")
                    await self._fetch(mirror, url, "--filter=blob:none", "--stdin", "origin", stdin=wanted)
                    found |= await self._read(mirror, missing, most)
                return found

    async def rewritten(self, url: RepoUrl, old: str, new: str) -> bool | None:
        """See `Git.rewritten`. Commits only (`--filter=tree:0`), in a mirror of its own that is thrown away."""
        with self._explained(url, self._bounds.transfer_s):
            self._make_home()
            for depth in (limits.GIT_HISTORY_NEAR, limits.GIT_HISTORY_FAR):
                with self._new_mirror(mirror_name(url), new) as history:
                    await self._fetch(
                        history, url, f"--depth={depth}", "--filter=tree:0", "origin", f"+{new}:{_KEPT}/{new}"
                    )
                    seen = await self._local(history, "rev-list", f"--max-count={limits.GIT_TREE_ENTRIES}", new, "--")
                    if old in seen.decode("ascii").split():
                        return False
                    if not _exists(history / "shallow"):
                        return True
        return None

    async def describe(self, url: RepoUrl, commit: str) -> CommitNote:
        """See `Git.describe`. Reads the mirror through GitPython, in a thread (docs/adr/0006)."""
        with self._explained(url, self._bounds.transfer_s):
            async with self._locked(url) as mirror:
                if not _exists(mirror):
                    await self._tree_of(mirror, url, commit)
                return await asyncio.to_thread(_read_commit, mirror, commit, self.process.environment(None))

    def local_owner(self, url: RepoUrl) -> int | None:
        """See `Git.local_owner`."""
        if url.scheme != "file":
            return None
        me = os.geteuid()
        for place in (Path(url.path), Path(url.path) / ".git"):
            with suppress(OSError):
                status = place.stat()
                if status.st_uid not in (me, 0) or status.st_mode & 0o002:
                    return None
        return me

    # --- Mirrors ----------------------------------------------------------------------------------------------------
    async def _tree_of(self, mirror: Path, url: RepoUrl, commit: str) -> Tree:
        """Bring `commit` into the mirror and list it; whatever is wrong with an existing mirror, a new one is tried once."""
        if _exists(mirror):
            with suppress(GitFailedError):
                if not _exists(mirror / _KEPT / commit):
                    await self._fetch_tip(mirror, url, commit)
                listed = await self._local(mirror, "ls-tree", "-r", "-t", "-z", "--full-tree", commit, "--")
                if self._fits(mirror):
                    return read_tree(listed, commit, self._bounds.tree_entries)
        with self._new_mirror(mirror.name, commit) as fresh:
            await self._fetch_tip(fresh, url, commit)
            listed = await self._local(fresh, "ls-tree", "-r", "-t", "-z", "--full-tree", commit, "--")
            if not self._fits(fresh):
                raise DataError("git.too_large", url=str(url), limit=self._bounds.mirror_bytes // limits.MIB)
            tree = read_tree(listed, commit, self._bounds.tree_entries)
            _put_in_place(fresh, mirror)
        return tree

    async def _fetch_tip(self, mirror: Path, url: RepoUrl, commit: str) -> None:
        await self._fetch(mirror, url, "--depth=1", "--filter=blob:none", "origin", f"+{commit}:{_KEPT}/{commit}")

    async def _fetch(self, mirror: Path, url: RepoUrl, *args: str, stdin: bytes = b"") -> None:
        # Wanted blobs are not negotiated: git would stop with "did not send all necessary objects" (SECURITY 4.3).
        plain = ("-c", "fetch.negotiationAlgorithm=noop") if stdin else ()
        try:
            await self.process.run(
                (*plain, f"--git-dir={mirror}", *_FETCH, *args), url, self._bounds.transfer_s, stdin=stdin
            )
        except BaseException:
            _drop_leftovers(mirror)
            raise

    async def _local(self, mirror: Path, *args: str) -> bytes:
        return await self.process.run((f"--git-dir={mirror}", *args), None, self._bounds.transfer_s)

    async def _read(self, mirror: Path, oids: Sequence[str], most: int) -> dict[str, bytes | int]:
        wanted = "".join(f"{oid}\n" for oid in dict.fromkeys(oids)).encode("ascii")
        async with (
            asyncio.timeout(self._bounds.transfer_s),
            self.process.open((f"--git-dir={mirror}", "cat-file", "--batch", "--buffer"), None, wanted) as output,
        ):
            return await _read_batch(output, most)

    def _fits(self, mirror: Path) -> bool:
        packs = _packs(mirror)
        size = sum(pack.stat().st_size for pack in packs)
        return size <= self._bounds.mirror_bytes and len(packs) <= limits.GIT_MIRROR_PACKS

    @contextmanager
    def _new_mirror(self, name: str, commit: str) -> Iterator[Path]:
        """An empty repository in a new folder, removed at the end unless it was renamed. No template, no `git init`."""
        fresh = Path(tempfile.mkdtemp(prefix=f"{name}.new-", dir=self._home))
        try:
            (fresh / "objects" / "pack").mkdir(parents=True)
            (fresh / "refs").mkdir()
            (fresh / "HEAD").write_text("ref: refs/heads/none\n", encoding="ascii")
            sha256 = "[extensions]\n\tobjectFormat = sha256\n" if len(commit) == 64 else ""
            (fresh / "config").write_text(_CONFIG.format(version=int(bool(sha256)), sha256=sha256), encoding="ascii")
            yield fresh
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def _make_home(self) -> None:
        self._empty.mkdir(parents=True, exist_ok=True, mode=0o700)

    @asynccontextmanager
    async def _locked(self, url: RepoUrl) -> AsyncIterator[Path]:
        """The mirror's folder, ours alone among all tasks and processes until the end of the block."""
        self._make_home()
        mirror = self._home / mirror_name(url)
        with mirror.with_suffix(".lock").open("ab") as lock:
            for _ in range(int(self._bounds.transfer_s / _LOCK_PAUSE) + 1):
                with suppress(BlockingIOError):
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                await asyncio.sleep(_LOCK_PAUSE)
            else:
                raise UnavailableError("git.busy", url=str(url))
            yield mirror

    @contextmanager
    def _explained(self, url: RepoUrl, seconds: float) -> Iterator[None]:
        """Everything that can go wrong with git, as one of our errors."""
        try:
            yield
        except OoderError:
            raise
        except TimeoutError:
            raise UnavailableError("git.timeout", url=str(url), seconds=round(seconds, 1)) from None
        except GitFailedError as failed:
            raise _error_of(failed, url, self._bounds) from failed
        except OSError as error:
            raise StorageError("git.storage", url=str(url), reason=error.strerror or str(error)) from error


def _error_of(failed: GitFailedError, url: RepoUrl, bounds: GitBounds) -> OoderError:
    if isinstance(failed, GitOverflowError):
        return DataError("git.too_many_files", limit=bounds.tree_entries)
    if failed.disk:
        return StorageError("git.storage", url=str(url), reason=failed.reason)
    if failed.hostile:
        return IntegrityError("git.hostile_objects", url=str(url), reason=failed.reason)
    if failed.too_large:
        return DataError("git.too_large", url=str(url), limit=bounds.pack_bytes // limits.MIB)
    codes = {"git.moved": failed.moved, "git.untrusted": failed.untrusted, "git.login": failed.login}
    code = next((code for code, holds in codes.items() if holds), "git.unreachable")
    return UnavailableError(code, url=str(url), reason=failed.reason)


def _packs(mirror: Path) -> list[Path]:
    return [path for path in (mirror / "objects" / "pack").iterdir() if path.suffix == ".pack"]


def _exists(path: Path) -> bool:
    return path.exists()


def _put_in_place(fresh: Path, mirror: Path) -> None:
    """Rename; an old mirror steps aside first, so there is never half a mirror under the name."""
    aside = fresh.with_name(f"{fresh.name}.old")
    if mirror.exists():
        mirror.rename(aside)
    fresh.rename(mirror)
    if aside.is_dir():
        shutil.rmtree(aside, ignore_errors=True)
    else:
        aside.unlink(missing_ok=True)


def _drop_leftovers(mirror: Path) -> None:
    """A killed fetch leaves `tmp_*` packs and lock files behind."""
    for leftover in (*mirror.glob("objects/pack/tmp_*"), *mirror.glob("*.lock"), *mirror.glob("refs/ooder/*.lock")):
        leftover.unlink(missing_ok=True)


async def _read_batch(output: asyncio.StreamReader, most: int) -> dict[str, bytes | int]:
    """Read `cat-file --batch`: content up to `most` bytes, else the size; what is missing or no blob is left out."""
    found: dict[str, bytes | int] = {}
    held = 0
    while header := await output.readline():
        oid, kind, size_text = (*header.decode("ascii", "replace").split(), "", "")[:3]
        if not size_text.isdigit():
            continue
        size = int(size_text)
        if kind == "blob" and size <= most and held + size <= limits.GIT_BLOBS_BYTES:
            found[oid] = (await output.readexactly(size + 1))[:-1]
            held += size
            continue
        if kind == "blob":
            found[oid] = size
        left = size + 1
        while left:
            left -= len(await output.readexactly(min(left, limits.MIB)))
    return found


def _read_commit(mirror: Path, commit: str, environment: dict[str, str]) -> CommitNote:
    from git import Repo
    from git.db import GitCmdObjectDB

    # GitPython only adds to the environment of this process, so what git would listen to is overwritten by name.
    silenced = {name: "" for name in os.environ if name.startswith("GIT_")}
    with Repo(mirror, odbt=GitCmdObjectDB) as repo:
        repo.git.update_environment(**(silenced | environment | {"GIT_DIR": str(mirror)}))
        found = repo.commit(commit)
        return CommitNote.of(commit, found.committed_date, str(found.author.name), str(found.summary))
