"""`[dkim]`: by which keys mail in our name is signed, and when keys are replaced."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from mailhost.config.section import DAY, Section
from mailhost.config.types import Count, DomainName, DomainPattern, Seconds, Selector, Switch

RSABits = Annotated[Count, Field(ge=1024, le=4096)]


class Algorithm(StrEnum):
    """The kinds of keys. Some receivers verify RSA alone, so RSA is among the default."""

    RSA = "rsa"
    ED25519 = "ed25519"


class DomainDKIM(Section):
    """`[domain.NAME.dkim]` and `[dkim.domain.NAME]`: the keys of one domain. `selector` is the
    beginning of the selectors of new keys; a date follows. `rsa_bits` None: as in `[dkim]`."""

    off: Switch = False
    selector: Selector = ""
    rsa_bits: RSABits | None = None


class DKIM(Section):
    """`[dkim]`. `expire_after` is the validity of signatures (`x=`), 0 for no end. `convert_8bit`
    has 8-bit bodies encoded before they are signed. `sign_as` says for other author domains by
    which domain their mail is signed."""

    sign: Switch = True
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] = (
        Algorithm.RSA,
        Algorithm.ED25519,
    )
    rsa_bits: RSABits = 2048
    rotate_after: Seconds = 180 * DAY
    expire_after: Seconds = 0.0
    convert_8bit: Switch = True
    sign_as: dict[DomainPattern, DomainName] = {}
    domain: dict[DomainName, DomainDKIM] = {}
