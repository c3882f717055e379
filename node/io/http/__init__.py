"""The outbound door: the only way HTTP leaves this node (docs/reference/http.md)."""

from node.io.http.door import Door, HttpClient

__all__ = ["Door", "HttpClient"]
