"""How fast and how small the exporter is, measured beside others on the same objects. See README.md."""
