"""What an installed set is, as data: items with digests, one generation of them, and how a change makes the next one."""
