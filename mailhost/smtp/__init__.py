"""The language of SMTP, both sides. It knows no domain and no mailbox."""
