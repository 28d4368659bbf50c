"""The DNS server of the test network in a process of its own.

`python -m tests.dns_server '{"a.example": [["A", "127.0.0.1"], ["MX", 10, "b.example"]]}'` serves
these and prints its port. An address to listen on and a port may follow, both or none.
"""

from __future__ import annotations

import json
import sys

from mailhost.playground.dns_server import DNSServer, Records

__all__ = ["DNSServer", "Records"]


def main() -> None:
    """Serve until ended."""
    from twisted.internet import reactor

    records, address, port = (*sys.argv[1:], "127.0.0.1", "0")[:3]
    number = DNSServer(json.loads(records)).start(reactor, address, int(port))
    print(f"listening on port {number}", flush=True)
    reactor.run()


if __name__ == "__main__":
    main()
