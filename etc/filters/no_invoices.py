"""A filter of one's own: refuses mail with a word in its subject. `options` become arguments."""

from zope.interface import implementer

from mailhost.interfaces import IFilter
from mailhost.message.header import values
from mailhost.message.verdict import PASS, Mail, Stage, Verdict, reject


@implementer(IFilter)
class NoInvoices:
    stages = (Stage.MESSAGE,)

    def __init__(self, word: str = "invoice") -> None:
        self.word = word

    def look(self, mail: Mail) -> Verdict:
        subjects = values(mail.content.header(), "Subject")
        if any(self.word in subject.lower() for subject in subjects):
            return reject("Invoices go to accounting, please", f"{self.word!r} in the subject")
        return PASS


make_filter = NoInvoices
