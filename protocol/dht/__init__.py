"""The DHT as a pure machine: bytes and times in; values, events and bytes out (docs/protocol/dht.md)."""
