"""The SMTP proxy: commands are passed to another mail server, its replies to the client."""
