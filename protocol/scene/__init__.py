"""Running scenes, as far as it can be decided without a machine: states, routes, restarts, admission, connectors."""
