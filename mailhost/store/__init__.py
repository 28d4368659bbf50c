"""Where mail lies: a Maildir++ for each account, readable with any tool, and the truth."""
