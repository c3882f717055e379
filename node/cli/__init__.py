"""The `ooder` command: one module per topic, heavy imports inside the commands."""
