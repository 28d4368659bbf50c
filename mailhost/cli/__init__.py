"""The `mailhost` command: a file a command group. The running host is asked by its socket."""
