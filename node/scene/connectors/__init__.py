"""How a skill is reached: `document`, `http` or `process`."""
