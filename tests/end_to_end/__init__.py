"""The real `twistd mailhost` in a process of its own, driven by real clients."""
