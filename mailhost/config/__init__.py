"""Settings: the model with its defaults, loading with every problem reported, secrets,
reloading."""
