"""Who may publish under which name: a namespace belongs to the key that used it first, or to the one the registry names.

The namespace of an id is what stands before its first dot (`acme.report` -> `acme`); an id without a dot is a namespace of its
own. Case does not tell namespaces apart, kinds neither.

>>> namespace_of("Acme.report"), namespace_of("daily-report")
('acme', 'daily-report')
"""

from __future__ import annotations


def namespace_of(id_: str) -> str:
    """The namespace an id belongs to."""
    return id_.partition(".")[0].lower()
