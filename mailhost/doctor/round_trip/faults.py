"""The faults that a round trip can find."""

from __future__ import annotations

from mailhost.doctor.finding import Fault

TEST_NOT_SENT = Fault("test-mail-not-sent", "Users cannot send mail that the host does not accept.")
TEST_REFUSED = Fault("test-mail-refused", "Other messages to that address are refused as well.")
TEST_DEFERRED = Fault(
    "test-mail-deferred", "Mail to that address waits, and is returned after some days."
)
TEST_WAITING = Fault("test-mail-waiting", "Mail to that address is not sent, or only slowly.")
TEST_NOT_ACCEPTED = Fault(
    "test-mail-not-accepted", "Mail of other servers to this account is refused in the same way."
)
TEST_NOT_FOUND = Fault(
    "test-mail-not-found", "A message that was answered 250 must be in the mailbox."
)
TEST_NOT_READABLE = Fault(
    "test-mail-not-readable", "The user does not see a message that is in the mailbox."
)
TEST_PASSWORD_WITHHELD = Fault(
    "test-password-withheld",
    "A program that is not the host would get the password of the user.",
)
