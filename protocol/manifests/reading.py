"""What reading one file yields, and the document handed to the reader of its dialect."""

from __future__ import annotations

from dataclasses import dataclass, field

from protocol.items import Item, Problem
from protocol.manifests.yaml_text import Tree


@dataclass(frozen=True, slots=True)
class Listing:
    """One row of an index file: the index claims that `item` exists at `path` (as written; "" = not said).

    `digest` is that of the download, never of the item's tree.
    """

    item: Item
    path: str = ""
    download_url: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class ManifestReading:
    """What one file says. `includes` are the patterns an index pulls in, as written."""

    items: tuple[Item, ...] = ()
    listings: tuple[Listing, ...] = ()
    includes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    dialect: str = ""


@dataclass(slots=True)
class Document:
    """One parsed file on its way to a reader. `problems` collects remarks while the reader works.

    `folder` is the name of the folder the file lies in ("" at the origin's root), `stem` the file name without its ending.
    """

    path: str
    root: dict[str, Tree]
    dialect: str = ""
    repaired: tuple[str, ...] = ()
    problems: list[Problem] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def stem(self) -> str:
        return self.name.rpartition(".")[0]

    @property
    def folder(self) -> str:
        return self.path.rpartition("/")[0].rpartition("/")[2]

    def remark(self, code: str, line: int = 0, **params: str | int) -> None:
        """Note something unusual about an item that is there all the same."""
        self.problems.append(Problem(code, self.path, line, params, fatal=False))

    def refuse(self, code: str, line: int = 0, **params: str | int) -> None:
        """Note why something of this file is not an item."""
        self.problems.append(Problem(code, self.path, line, params))
