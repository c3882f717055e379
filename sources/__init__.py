"""One file per discovery source: when to look, what to ask, what came back. Sources reach the world only through ports."""
