"""How each forge is asked: addresses, sort orders, header lines. One table row for each forge.

>>> GITHUB.at().search(Wanted(topic="ooder-skill"), Sort.STARS, 1)
'https://api.github.com/search/repositories?q=topic%3Aooder-skill&sort=stars&order=desc&per_page=100&page=1'
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import quote, urlsplit

from protocol import limits
from protocol.errors import UsageError
from protocol.git_rules import clean

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}(?:/[A-Za-z0-9_.][A-Za-z0-9._-]{0,99}){1,8}")
_OWNER: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}(?:/[A-Za-z0-9_][A-Za-z0-9._-]{0,99}){0,7}")


class Sort(StrEnum):
    """What a search shows first."""

    STARS = "stars"
    UPDATED = "updated"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to search for: a topic, or words."""

    topic: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One kind of forge. Routes hold `{...}` that are filled with escaped texts; `owned` are tried in their order."""

    name: str
    api: str
    web: str
    search_topic: str
    search_text: str
    sorts: Mapping[Sort, str]
    owned: tuple[str, ...]
    tree: str
    repository: str = "/repos/{repo}"
    commit: str = "/repos/{repo}/commits?sha={ref}&per_page=1"
    blob: str = "/repos/{repo}/git/blobs/{oid}"
    tags: str = "/repos/{repo}/tags?per_page={rows}&page={page}"
    folded: str = "1"  # how "with everything below" is written
    whole_name: bool = False  # the slash of owner/name is escaped too
    heads: tuple[tuple[str, str], ...] = ()
    key_head: str = "Authorization"
    key_style: str = "Bearer {}"

    def at(self, api: str = "", web: str = "") -> Forge:
        """This kind of forge at a place of one's own; "" is the public one. Without `web` it is the host of `api`."""
        base = (api or self.api).rstrip("/")
        if not web:
            parts = urlsplit(base)
            web = self.web if not api or base == self.api else f"{parts.scheme}://{parts.netloc}"
        return Forge(self, base, web.rstrip("/"))


@dataclass(frozen=True, slots=True)
class Forge:
    """A forge at its place: builds addresses. Names are `owner/name`, pages begin at 1."""

    dialect: Dialect
    api: str
    web: str

    @property
    def host(self) -> str:
        """As it is named in principals: the host of the web address, with a port that is not the usual one."""
        return urlsplit(self.web).netloc.lower()

    def search(self, wanted: Wanted, sort: Sort, page: int) -> str:
        """Repositories with a topic or words."""
        route = self.dialect.search_topic if wanted.topic else self.dialect.search_text
        return self._url(route, q=wanted.topic or wanted.text, sort=self.dialect.sorts[sort], page=page)

    def owned(self, owner: str, page: int) -> tuple[str, ...]:
        """What an owner has, most recently pushed first; further addresses are for owners of another sort."""
        return tuple(self._url(route, owner=check_owner(owner), page=page) for route in self.dialect.owned)

    def repository(self, name: str) -> str:
        return self._url(self.dialect.repository, repo=name)

    def commit(self, name: str, ref: str) -> str:
        """The commit that a branch, tag or commit names: a list of one, which unlike the commit itself holds no changes of files."""
        return self._url(self.dialect.commit, repo=name, ref=ref)

    def tree(self, name: str, oid: str, *, folded: bool, page: int = 1) -> str:
        """The tree of a commit or tree; with `folded` everything below it too."""
        mark = self.dialect.folded if folded else ""
        url = self._url(self.dialect.tree, repo=name, oid=oid, folded=mark, page=page)
        return url if folded else re.sub(r"([?&])recursive=(?:&|$)", r"\1", url).rstrip("?&")

    def blob(self, name: str, oid: str) -> str:
        return self._url(self.dialect.blob, repo=name, oid=oid)

    def tags(self, name: str, page: int = 1) -> str:
        return self._url(self.dialect.tags, repo=name, page=page)

    def page_of(self, name: str) -> str:
        """Where people look at a repository."""
        return f"{self.web}/{name}"

    def clone(self, name: str) -> str:
        """Where git finds it."""
        return f"{self.web}/{name}.git"

    def _url(self, route: str, **values: str | int) -> str:
        if "repo" in values:
            values["repo"] = check_name(str(values["repo"]))
        escaped = {
            key: quote(str(value), safe="/" if key == "repo" and not self.dialect.whole_name else "")
            for key, value in values.items()
        }
        return self.api + route.format(rows=limits.FORGE_ROWS, **escaped)


def check_name(text: str) -> str:
    """`owner/name` (GitLab: with groups between). Raises UsageError `forge.bad_name`."""
    if not _NAME.fullmatch(text) or ".." in text or text.endswith((".git", "/.")):
        raise UsageError("forge.bad_name", name=clean(text, 100))
    return text


def check_owner(text: str) -> str:
    """A user, organisation or group. Raises UsageError `forge.bad_name`."""
    if not _OWNER.fullmatch(text) or ".." in text:
        raise UsageError("forge.bad_name", name=clean(text, 100))
    return text


_TREES = "/repos/{repo}/git/trees/{oid}?recursive={folded}"

GITHUB: Final = Dialect(
    name="github",
    api="https://api.github.com",
    web="https://github.com",
    search_topic="/search/repositories?q=topic%3A{q}&sort={sort}&order=desc&per_page={rows}&page={page}",
    search_text="/search/repositories?q={q}&sort={sort}&order=desc&per_page={rows}&page={page}",
    sorts={Sort.STARS: "stars", Sort.UPDATED: "updated"},
    owned=("/users/{owner}/repos?type=owner&sort=pushed&per_page={rows}&page={page}",),
    tree=_TREES,
    heads=(("X-GitHub-Api-Version", "2022-11-28"),),
)
"""github.com, and Enterprise servers at `https://HOST/api/v3`."""

GITEE: Final = Dialect(
    name="gitee",
    api="https://gitee.com/api/v5",
    web="https://gitee.com",
    # Whether `topic:` is understood is not documented: topics are searched for as plain words (WIRE 3.7).
    search_topic="/search/repositories?q={q}&sort={sort}&order=desc&per_page={rows}&page={page}",
    search_text="/search/repositories?q={q}&sort={sort}&order=desc&per_page={rows}&page={page}",
    sorts={Sort.STARS: "stars_count", Sort.UPDATED: "last_push_at"},
    owned=(
        "/users/{owner}/repos?type=owner&sort=pushed&direction=desc&per_page={rows}&page={page}",
        "/orgs/{owner}/repos?type=all&per_page={rows}&page={page}",
    ),
    tree=_TREES,
)
"""gitee.com, and Gitee Enterprise at `https://HOST/api/v5`."""

GITEA: Final = Dialect(
    name="gitea",
    api="https://codeberg.org/api/v1",
    web="https://codeberg.org",
    search_topic="/repos/search?q={q}&topic=true&sort={sort}&order=desc&limit={rows}&page={page}",
    search_text="/repos/search?q={q}&sort={sort}&order=desc&limit={rows}&page={page}",
    sorts={Sort.STARS: "stars", Sort.UPDATED: "updated"},
    owned=("/users/{owner}/repos?limit={rows}&page={page}", "/orgs/{owner}/repos?limit={rows}&page={page}"),
    tree=_TREES + "&per_page=1000&page={page}",
    commit="/repos/{repo}/commits?sha={ref}&limit=1&stat=false&verification=false&files=false",
    tags="/repos/{repo}/tags?limit={rows}&page={page}",
    folded="true",
    key_style="token {}",
)
"""Gitea and Forgejo at `https://HOST/api/v1`."""

GITLAB: Final = Dialect(
    name="gitlab",
    api="https://gitlab.com/api/v4",
    web="https://gitlab.com",
    search_topic="/projects?topic={q}&order_by={sort}&sort=desc&per_page={rows}&page={page}",
    search_text="/projects?search={q}&order_by={sort}&sort=desc&per_page={rows}&page={page}",
    sorts={Sort.STARS: "star_count", Sort.UPDATED: "last_activity_at"},
    owned=(
        "/users/{owner}/projects?order_by=last_activity_at&per_page={rows}&page={page}",
        "/groups/{owner}/projects?include_subgroups=true&order_by=last_activity_at&per_page={rows}&page={page}",
    ),
    tree="/projects/{repo}/repository/tree?ref={oid}&recursive={folded}&per_page={rows}&page={page}",
    repository="/projects/{repo}?license=true",
    commit="/projects/{repo}/repository/commits?ref_name={ref}&per_page=1",
    blob="/projects/{repo}/repository/blobs/{oid}",
    tags="/projects/{repo}/repository/tags?per_page={rows}&page={page}",
    folded="true",
    whole_name=True,
    key_head="PRIVATE-TOKEN",
    key_style="{}",
)
"""GitLab at `https://HOST/api/v4`."""

DIALECTS: Final = {dialect.name: dialect for dialect in (GITHUB, GITEE, GITEA, GITLAB)}
