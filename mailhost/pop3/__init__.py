"""POP3: replies, the states of a session, and the maildrop that a session reads."""
