"""POP3: the language, the states of a session, and the maildrop it looks at."""
