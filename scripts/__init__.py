"""What a developer runs from a checkout; not part of the distribution."""
