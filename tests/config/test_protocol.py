"""The table of protocols."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.protocol import _TRAITS, ListenProtocol, _Traits


class Table(SynchronousTestCase):
    def test_each_protocol_has_a_row(self) -> None:
        self.assertEqual(list(_TRAITS), list(ListenProtocol))

    def test_a_new_protocol_takes_no_mail_unless_its_row_says_so(self) -> None:
        self.assertFalse(_Traits(143).takes_mail)

    def test_protocols_that_take_mail(self) -> None:
        reading = {
            ListenProtocol.POP3,
            ListenProtocol.POP3S,
            ListenProtocol.IMAP,
            ListenProtocol.IMAPS,
            ListenProtocol.HTTP,
            ListenProtocol.HTTPS,
        }
        takes = {each for each in ListenProtocol if each.takes_mail}
        self.assertEqual(takes, set(ListenProtocol) - reading)

    def test_an_s_at_the_end_stands_for_implicit_tls(self) -> None:
        for each in ListenProtocol:
            self.assertEqual(each.implicit_tls, each.value.endswith("s"), each)
