"""The control socket, by which the `mailhost` command asks the running host for something."""
