"""Takes all mail over STARTTLS, and counts it.

`python -m bench.tls_sink ADDRESS PORT CHAIN KEY` prints `mesg=N` after each message, as smtp-sink
does. `bench.far_end` starts it.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from dataclasses import dataclass

LIMIT = 1_000_000  # octets of a line or of a message


@dataclass(slots=True)
class Sink:
    """`count` is the number of messages so far."""

    context: ssl.SSLContext
    count: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until it is gone."""
        try:
            writer.write(b"220 sink ESMTP\r\n")
            while line := await reader.readline():
                await self._answer(line[:4].upper(), reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def _answer(
        self, verb: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if verb == b"EHLO":
            writer.write(b"250-sink\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 8BITMIME\r\n")
        elif verb == b"STAR":
            writer.write(b"220 go\r\n")
            await writer.drain()
            await writer.start_tls(self.context)
        elif verb == b"DATA":
            writer.write(b"354 go\r\n")
            await reader.readuntil(b"\r\n.\r\n")
            self.count += 1
            print(f"mesg={self.count}", end="\r", flush=True)
            writer.write(b"250 2.0.0 taken\r\n")
        else:
            writer.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 OK\r\n")


async def main() -> None:
    """Serve until ended."""
    address, port, chain, key = sys.argv[1:]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain, key)
    server = await asyncio.start_server(Sink(context).serve, address, int(port), limit=LIMIT)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
