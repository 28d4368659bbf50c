"""The SMTP proxy: stands before another mail server, and leaves every answer to it."""
