"""Settings: the model with its defaults, loading with every problem told, secrets, reloading."""
