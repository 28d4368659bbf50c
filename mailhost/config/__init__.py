"""The settings: the model with its defaults, loading with every fault reported, secrets, and the
changes of a reload."""
