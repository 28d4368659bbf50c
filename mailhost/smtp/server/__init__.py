"""The server side of SMTP and LMTP: the session of one client, as a machine without I/O."""
