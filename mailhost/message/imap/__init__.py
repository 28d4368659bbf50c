"""The data of IMAP about the content of one message: ENVELOPE, BODYSTRUCTURE, sections, and more.

No I/O of its own: a message is read through a `Reader`. No message raises an exception.
"""
