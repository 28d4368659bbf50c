"""Child processes of the head: how they are started, watched and restarted."""
