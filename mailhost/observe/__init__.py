"""Events turned into what an operator reads."""
