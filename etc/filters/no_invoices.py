"""A filter of one's own: refuses mail with a word in its subject. `options` become its fields."""

from dataclasses import dataclass

from zope.interface import implementer

from mailhost.interfaces import IFilter
from mailhost.interfaces.verdict import PASS, Mail, Stage, Verdict, reject
from mailhost.message.header import values


@implementer(IFilter)
@dataclass
class NoInvoices:
    word: str = "invoice"
    stages = (Stage.MESSAGE,)

    def look(self, mail: Mail) -> Verdict:
        subject = " ".join(values(mail.content.header(), "Subject")).lower()
        return reject("Invoices go to accounting, please") if self.word in subject else PASS


make_filter = NoInvoices
