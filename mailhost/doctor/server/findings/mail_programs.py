"""The settings of a mail program for one service, by the names that common mail programs use."""

from __future__ import annotations

from mailhost.doctor.server.services import MailProtocol, Service

_NAMES = {
    MailProtocol.SMTP: "outgoing server (SMTP)",
    MailProtocol.IMAP: "IMAP",
    MailProtocol.POP3: "POP3",
}


def security_of(service: Service) -> str:
    """Return the name that most mail programs have for the way in which TLS begins."""
    return "SSL/TLS" if service.implicit_tls else "STARTTLS"


def settings_lines(host: str, service: Service) -> tuple[str, ...]:
    """Return the settings of a mail program for a service, one a line."""
    security = security_of(service)
    return (
        f"{_NAMES[service.protocol]}: {host}, port {service.port}, {security}",
        f'Thunderbird: "Connection security: {security}"',
        f'Outlook: "Encryption method: {security}"',
        f'Apple Mail: "Use TLS/SSL" on, port {service.port}; iPhone: "Use SSL" on',
        f'Gmail for Android: "Security type: {security}"',
    )
