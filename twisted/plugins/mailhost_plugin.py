"""Makes `twistd mailhost` known to Twisted."""

from twisted.application.service import ServiceMaker

mailhost = ServiceMaker(
    "mailhost", "mailhost.application.twistd", "Host mail for several domains.", "mailhost"
)
