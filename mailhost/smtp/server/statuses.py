"""The replies of the session itself. Other replies come from its IReception and its ILogins."""

from __future__ import annotations

from mailhost.message.status import Status

# commands
UNKNOWN = Status(500, "5.5.1", "Command not known here; HELP lists those that are")
NO_ARGUMENT = Status(501, "5.5.4", "This command takes no argument")
CAN_VERIFY = Status(252, "2.5.0", "Cannot verify the user; send mail and see")

# the envelope and the content
SENDER_OK = Status(250, "2.1.0", "Sender OK")
TOO_MANY_RECIPIENTS = Status(
    452, "4.5.3", "Too many recipients; send the rest in another transaction"
)
NEEDS_BDAT = Status(503, "5.5.1", "BINARYMIME goes with BDAT, not with DATA (RFC 3030)")
GO_AHEAD = Status(354, "", "Send the message, then a line with a dot alone")

# TLS and logins
NO_TLS = Status(503, "5.5.1", "TLS is not offered now")
START_HANDSHAKE = Status(220, "2.0.0", "Start the handshake")
LOGGED_IN = Status(235, "2.7.0", "Logged in")

# ends
GOODBYE = Status(221, "2.0.0", "Goodbye")
TOO_MANY_ERRORS = Status(421, "4.7.0", "Too many errors; goodbye")
TOO_IDLE = Status(421, "4.7.0", "Too many commands without a message; goodbye")
TIMED_OUT = Status(421, "4.4.2", "Silent too long; goodbye")
STOPPING = Status(421, "4.3.2", "The server closes this connection; please connect again later")
INTERNAL_ERROR = Status(421, "4.3.0", "Something failed here; please try again later")
LOST = Status(451, "4.4.2", "Connection lost")
