"""The language of mail filters (the milter protocol up to version 6), the mail server's side.

It knows no domain, no mailbox and no settings. A filter that cannot be asked raises MilterFailed;
whether mail passes then is for others to say.
"""
