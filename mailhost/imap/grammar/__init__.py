"""The grammar of IMAP (RFC 9051, RFC 3501 and extensions), without I/O.

`reader` cuts octets into commands, `table` makes a value of each (`commands` and its siblings),
`response` and its siblings write answers.
"""
