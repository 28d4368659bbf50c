"""A real host under load that is killed, cheated and flooded, and an account of what became of all
that it answered. `python -m tests.soak` is the long run, the tests here are short ones."""
