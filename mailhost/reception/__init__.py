"""Answers an SMTP session's questions: may this client send this, from whom, to whom?"""
