"""Running installed scenes: one agent for each, connectors to their skills, and nothing left behind when the node ends."""
