"""What two strangers must agree on: bytes, records, manifests, merge and trust rules. Pure: no sockets, disk, clock or chance."""
