"""Installing: bytes become a staged tree, staged trees become a generation, a generation becomes the current one."""
