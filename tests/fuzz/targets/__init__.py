"""A target for each parser: `target(data)` raises where something that must hold does not."""
