"""The enhanced status codes (RFC 3463 and the registry that RFC 5248 began), without the class.

The class, the first digit, says only whether a later attempt may succeed.
"""

from __future__ import annotations

from mailhost.doctor.replies.explanation import Actor, Explanation

_COMPARE = "Ask the recipient for the right address."
_WAIT = "The queue tries again by itself."
_POSTMASTER = "Write to the postmaster of the receiving domain, from another address."

ENHANCED = {
    "0.0": Explanation("There is no detail in the code.", Actor.NO_ONE, "Read the text after it."),
    "1.0": Explanation("An address has a fault.", Actor.SENDER, _COMPARE),
    "1.1": Explanation("The mailbox does not exist.", Actor.SENDER, _COMPARE),
    "1.2": Explanation(
        "The part of the address after the @ is no host that takes mail.", Actor.SENDER, _COMPARE
    ),
    "1.3": Explanation("The address is not written as it must be.", Actor.SENDER, _COMPARE),
    "1.4": Explanation("The address stands for several mailboxes.", Actor.SENDER, _COMPARE),
    "1.5": Explanation("The address is valid.", Actor.NO_ONE, "Nothing."),
    "1.6": Explanation(
        "The mailbox has moved, and mail is not forwarded.", Actor.SENDER, "Ask for the new one."
    ),
    "1.7": Explanation(
        "The sender's address is not written as it must be.",
        Actor.SENDER,
        "Correct the address in the settings of the mail program.",
    ),
    "1.8": Explanation(
        "The sender's domain does not exist, or cannot receive replies.",
        Actor.US,
        "Publish MX records for the sender's domain: `mailhost dns DOMAIN` prints them.",
    ),
    "1.9": Explanation(
        "The message was handed on to a host that reports no failures.", Actor.NO_ONE, "Nothing."
    ),
    "1.10": Explanation(
        "The recipient's domain takes no mail (it has a null MX record).", Actor.SENDER, _COMPARE
    ),
    "2.0": Explanation("The mailbox has a fault.", Actor.RECIPIENT, _POSTMASTER),
    "2.1": Explanation(
        "The mailbox is disabled, or receives too much mail at the moment.",
        Actor.RECIPIENT,
        f"{_WAIT} If the reply is permanent, the account is closed.",
    ),
    "2.2": Explanation(
        "The mailbox is full.", Actor.RECIPIENT, "Tell the recipient by other means."
    ),
    "2.3": Explanation(
        "The message is larger than the mailbox allows.", Actor.SENDER, "Send a link in its place."
    ),
    "2.4": Explanation("The mailing list could not be expanded.", Actor.THEM, _POSTMASTER),
    "3.0": Explanation("The receiving host has a fault.", Actor.THEM, _WAIT),
    "3.1": Explanation("The receiving host has too little storage.", Actor.THEM, _WAIT),
    "3.2": Explanation("The receiving host takes no mail at the moment.", Actor.THEM, _WAIT),
    "3.3": Explanation(
        "The receiving host lacks what the message needs, such as 8BITMIME or SMTPUTF8.",
        Actor.SENDER,
        "Use an address in ASCII; send the message without special features.",
    ),
    "3.4": Explanation("The message is too large.", Actor.SENDER, "Send a link in its place."),
    "3.5": Explanation("The receiving host is not set up rightly.", Actor.THEM, _POSTMASTER),
    "4.0": Explanation("The network or the routing has a fault.", Actor.US, _WAIT),
    "4.1": Explanation("The receiving host does not answer.", Actor.THEM, _WAIT),
    "4.2": Explanation("The connection broke off.", Actor.NO_ONE, _WAIT),
    "4.3": Explanation(
        "DNS could not be asked.", Actor.US, "Check the resolvers of the sending host."
    ),
    "4.4": Explanation(
        "There is no host for the domain.", Actor.SENDER, "Compare the domain with what you know."
    ),
    "4.5": Explanation("The receiving host is busy.", Actor.NO_ONE, _WAIT),
    "4.6": Explanation(
        "The message goes round in a loop.",
        Actor.US,
        "Look for aliases or forwards that lead back; the Received fields show the way.",
    ),
    "4.7": Explanation(
        "The message waited too long and expired.", Actor.SENDER, "Send the message again later."
    ),
    "5.0": Explanation("The hosts did not understand each other.", Actor.US, _POSTMASTER),
    "5.1": Explanation("A command was not allowed at this point.", Actor.US, _POSTMASTER),
    "5.2": Explanation("A command was not written as it must be.", Actor.US, _POSTMASTER),
    "5.3": Explanation("There are too many recipients.", Actor.NO_ONE, _WAIT),
    "5.4": Explanation("A parameter of a command is not valid.", Actor.US, _POSTMASTER),
    "5.5": Explanation("The versions of the protocol do not fit.", Actor.US, _POSTMASTER),
    "5.6": Explanation("A line of the login is too long.", Actor.SENDER, "Use a shorter password."),
    "6.0": Explanation("The content has a fault.", Actor.SENDER, "Send the message in plain form."),
    "6.1": Explanation(
        "The receiving host does not take this kind of content.", Actor.SENDER, "Send plain text."
    ),
    "6.2": Explanation(
        "The content must be converted, which is forbidden.", Actor.SENDER, "Send plain text."
    ),
    "6.3": Explanation(
        "The content must be converted, which is not possible.", Actor.SENDER, "Send plain text."
    ),
    "6.4": Explanation("The content was converted, with losses.", Actor.NO_ONE, "Nothing."),
    "6.5": Explanation("The conversion of the content failed.", Actor.THEM, _POSTMASTER),
    "6.6": Explanation("The content is not available.", Actor.SENDER, "Send the message again."),
    "6.7": Explanation(
        "The receiving host does not take addresses with letters outside ASCII.",
        Actor.SENDER,
        "Use an address in ASCII.",
    ),
    "7.0": Explanation(
        "A rule about security or reputation applies.", Actor.US, "Read the text after the code."
    ),
    "7.1": Explanation(
        "The receiving host's rules do not allow the message: from this host, this sender, or for "
        "this recipient.",
        Actor.US,
        "Read the text after the code. If they name a blocklist, follow its link. If the text is "
        "of relaying, log in, or the domain is not hosted there.",
    ),
    "7.2": Explanation(
        "The sender may not write to this mailing list.", Actor.SENDER, "Ask the list's owner."
    ),
    "7.3": Explanation("A conversion for security is not possible.", Actor.SENDER, _POSTMASTER),
    "7.4": Explanation("A security feature is not supported.", Actor.US, _POSTMASTER),
    "7.5": Explanation("An encryption failed.", Actor.US, _POSTMASTER),
    "7.6": Explanation("An encryption algorithm is not supported.", Actor.US, _POSTMASTER),
    "7.7": Explanation("The message was changed on its way.", Actor.US, _POSTMASTER),
    "7.8": Explanation(
        "The user name or the password is wrong.",
        Actor.SENDER,
        "Type the whole address as the user name; use an app password if the account has a second "
        "factor.",
    ),
    "7.9": Explanation(
        "The login mechanism is too weak.", Actor.SENDER, "Choose another one in the mail program."
    ),
    "7.10": Explanation(
        "Encryption is needed.", Actor.SENDER, "Use port 465, or 587 with STARTTLS."
    ),
    "7.11": Explanation(
        "The login mechanism needs encryption.", Actor.SENDER, "Use port 465, or 587 with STARTTLS."
    ),
    "7.12": Explanation(
        "The password must be set again.", Actor.SENDER, "Set it at the provider's website."
    ),
    "7.13": Explanation("The account is disabled.", Actor.SENDER, "Ask the provider."),
    "7.14": Explanation("A trust relationship is missing.", Actor.US, _POSTMASTER),
    "7.15": Explanation("The message's priority is too low.", Actor.NO_ONE, _WAIT),
    "7.16": Explanation(
        "The message is too large for its priority.", Actor.SENDER, "Send a smaller one."
    ),
    "7.17": Explanation(
        "The mailbox has another owner than the one that the sender knew (RRVS).",
        Actor.SENDER,
        "Ask the recipient for the present address.",
    ),
    "7.18": Explanation("The domain has another owner now (RRVS).", Actor.SENDER, _COMPARE),
    "7.19": Explanation("The owner of the mailbox cannot be checked.", Actor.THEM, _WAIT),
    "7.20": Explanation(
        "No DKIM signature passes.",
        Actor.US,
        "Sign the mail and publish the key: see `mailhost dkim list`.",
    ),
    "7.21": Explanation("No DKIM signature is acceptable.", Actor.US, "See `mailhost dkim list`."),
    "7.22": Explanation(
        "No DKIM signature is by the author's domain.",
        Actor.US,
        "Sign with a key of the domain in From: see `mailhost dkim list`.",
    ),
    "7.23": Explanation(
        "SPF does not allow this host to send for the domain of the envelope sender.",
        Actor.US,
        "Add this host's addresses to the SPF record: `mailhost dns DOMAIN` prints it.",
    ),
    "7.24": Explanation(
        "The SPF record cannot be evaluated.",
        Actor.US,
        "Correct the SPF record: one record, no more than ten look-ups, no dead includes.",
    ),
    "7.25": Explanation(
        "The sending address has no reverse name, or one that does not lead back.",
        Actor.US,
        "Have the provider of the address set its PTR record to the host's name, and publish an A "
        "or AAAA record of that name with the address.",
    ),
    "7.26": Explanation(
        "The message is not authenticated: neither SPF nor DKIM passes for the domain in From.",
        Actor.US,
        "Publish SPF and the DKIM key of the domain: `mailhost dns DOMAIN` prints both.",
    ),
    "7.27": Explanation(
        "The sender's domain takes no mail (it has a null MX record).",
        Actor.US,
        "Send by a domain that can receive replies.",
    ),
    "7.28": Explanation(
        "The receiving host sees a flood of mail.",
        Actor.US,
        "Send more slowly; look for a compromised account in the queue.",
    ),
    "7.29": Explanation("The ARC chain of the message is broken.", Actor.US, _POSTMASTER),
    "7.30": Explanation(
        "The next host does not offer REQUIRETLS, which the sender asked for.",
        Actor.SENDER,
        "Send without the demand for TLS, or by other means.",
    ),
}
