"""One file per topic, each with `ROUTES`. A new file here is a new topic; nothing else needs to change."""
