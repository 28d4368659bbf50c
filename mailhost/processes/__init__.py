"""Child processes of the head: how they are started, and how long to wait before the next start."""
