"""The milter protocol up to version 6, on the side of the mail server.

The package knows no domain, no mailbox and no settings. MilterFailed is raised for a filter that
does not work; the chain of filters decides whether mail passes then.
"""
