"""The reply codes of SMTP (RFC 5321 §4.2.3, and those that its extensions add)."""

from __future__ import annotations

from mailhost.doctor.replies.explanation import Actor, Explanation

BASIC = {
    211: Explanation("A status of the server, or a reply to HELP.", Actor.NO_ONE, "Nothing."),
    214: Explanation("A reply to HELP.", Actor.NO_ONE, "Nothing."),
    220: Explanation(
        "The greeting of a server that is ready, or its consent to STARTTLS.",
        Actor.NO_ONE,
        "Nothing.",
    ),
    221: Explanation("The server closes the connection after QUIT.", Actor.NO_ONE, "Nothing."),
    235: Explanation("The login succeeded.", Actor.NO_ONE, "Nothing."),
    250: Explanation("The command succeeded.", Actor.NO_ONE, "Nothing."),
    251: Explanation(
        "The recipient is not local; the server forwards the message.", Actor.NO_ONE, "Nothing."
    ),
    252: Explanation(
        "The server cannot verify the address, and takes the message.", Actor.NO_ONE, "Nothing."
    ),
    354: Explanation("The server waits for the content of the message.", Actor.NO_ONE, "Nothing."),
    421: Explanation(
        "The server closes the connection, as it is busy, shuts down, or limits this client.",
        Actor.NO_ONE,
        "The queue tries again by itself. If the reply stays for hours, read the text after the "
        "code: they say whether the server limits mail from this host.",
    ),
    432: Explanation(
        "The account needs another way to log in, once.",
        Actor.SENDER,
        "Log in at the website of the provider, or set the password again.",
    ),
    450: Explanation(
        "The mailbox is not available now: it is in use, or the server greylists unknown senders.",
        Actor.NO_ONE,
        "The queue tries again by itself; a greylisting server accepts the message after minutes.",
    ),
    451: Explanation(
        "The server had an error of its own, or defers the message by its rules.",
        Actor.NO_ONE,
        "The queue tries again by itself. If the reply stays for a day, write to the postmaster of "
        "the receiving domain.",
    ),
    452: Explanation(
        "The server has too little storage, or the message has too many recipients for it.",
        Actor.NO_ONE,
        "The queue tries again by itself, with the rest of the recipients.",
    ),
    454: Explanation(
        "TLS or the login is not available now.",
        Actor.THEM,
        "Wait. If the reply stays, the server's certificate or password database is broken.",
    ),
    455: Explanation(
        "The server cannot accept a parameter of the command now.", Actor.NO_ONE, "Wait."
    ),
    500: Explanation(
        "The server does not know the command, or the line is too long.",
        Actor.US,
        "Look for a firewall or a proxy on the way that changes the dialogue, such as the SMTP "
        "fixup of some routers.",
    ),
    501: Explanation(
        "The server does not accept the parameters of the command.",
        Actor.US,
        "The text after the code says which: often the host name in EHLO, or an odd address.",
    ),
    502: Explanation(
        "The server does not have the command.",
        Actor.US,
        "Look for a firewall or a proxy on the way that removes commands.",
    ),
    503: Explanation(
        "A command came in the wrong order, or a login is missing.",
        Actor.US,
        "In a mail program: switch on the login for outgoing mail (SMTP authentication).",
    ),
    504: Explanation(
        "The server does not have the parameter, often the login mechanism.",
        Actor.US,
        "Choose another login mechanism.",
    ),
    521: Explanation(
        "The host takes no mail at all.",
        Actor.RECIPIENT,
        "The domain has no working mail host. Use another address.",
    ),
    523: Explanation(
        "The message is too large.", Actor.SENDER, "Send a smaller message, or a link."
    ),
    525: Explanation("The account is disabled.", Actor.SENDER, "Ask the provider of the account."),
    530: Explanation(
        "The server wants STARTTLS or a login first.",
        Actor.SENDER,
        "In a mail program: use port 465 or 587 with TLS, and switch on the login for outgoing "
        "mail. Port 25 is for mail between servers.",
    ),
    534: Explanation(
        "The login mechanism is too weak, or the account needs an app password.",
        Actor.SENDER,
        "Make an app password at the provider of the account, and use TLS.",
    ),
    535: Explanation(
        "The user name or the password is wrong.",
        Actor.SENDER,
        "Type the whole address as the user name. An account with a second factor needs an app "
        "password.",
    ),
    538: Explanation(
        "The login needs TLS first.", Actor.SENDER, "Use port 465, or 587 with STARTTLS."
    ),
    550: Explanation(
        "The mailbox does not exist, or the server's rules refuse the message.",
        Actor.SENDER,
        "Ask the recipient for the right address. If the address is right, the text after the "
        "code name the rule.",
    ),
    551: Explanation(
        "The recipient is at another host.", Actor.SENDER, "Use the address in the reply."
    ),
    552: Explanation(
        "The mailbox is full, or the message is too large.",
        Actor.RECIPIENT,
        "Tell the recipient by other means, or send a smaller message.",
    ),
    553: Explanation(
        "The server does not allow the address.",
        Actor.SENDER,
        "For the sender's address: the account that logged in may not use it. For the recipient's: "
        "ask the recipient for the right address.",
    ),
    554: Explanation(
        "The server refuses the transaction. At the greeting: it takes no mail from this client.",
        Actor.US,
        "The text after the code name the reason, often a blocklist or the content.",
    ),
    555: Explanation(
        "The server does not know a parameter of MAIL or RCPT.",
        Actor.US,
        "Look for an extension that is used and not offered by the server.",
    ),
    556: Explanation(
        "The recipient's domain takes no mail (it has a null MX record).",
        Actor.RECIPIENT,
        "Use another address.",
    ),
}
