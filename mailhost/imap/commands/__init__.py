"""One file for each command, or for a few that belong together. `table` has all of them.

A command is a function of the session's context and the command's value. It writes untagged replies
and returns the Completion, or an awaitable of it.
"""
