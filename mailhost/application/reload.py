"""The reload: settings and certificates are read again and used, without a restart.

Connections that are open go on with their services; new ones get the new settings. A reload is
refused as a whole if its settings have a fault, if a listener cannot be opened, or if a certificate
or filter cannot be used: all then stays as it was. The steps are:

1. The settings are read and checked (`config/load`). Settings that are read at the start only
   keep their values (`config/reload`).
2. Listeners that are new are opened (`listener_set`).
3. The head makes new services, and reconfigures what outlives them (`head`, `foundation`).
4. The listeners use the new services, and the others are closed.
5. The workers are sent the settings and do the same (`workers/pool`, `worker`).
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError

from mailhost.application.filters import BadFilter
from mailhost.application.head import Head
from mailhost.application.listener_set import ListenerSet, close_all
from mailhost.application.listeners import cannot_listen
from mailhost.application.notify import Notifier
from mailhost.config.load import BadSettings, Loaded, load
from mailhost.config.reload import changed_secrets, changes, for_running
from mailhost.interfaces.events import Faulted, Notice
from mailhost.net.control.server import CommandRefused
from mailhost.net.tls.server import BadCertificate


class Reload:
    """Reloads one host, as often as it is asked to."""

    def __init__(self, head: Head, listeners: ListenerSet, notifier: Notifier) -> None:
        self._head = head
        self._listeners = listeners
        self._notifier = notifier
        self._events = head.events

    async def command(self) -> list[str]:
        """Reload for the `mailhost` command. Raises Refused with the problems."""
        problems = await self.run()
        if problems:
            raise CommandRefused("\n".join(problems))
        return []

    def run(self) -> Deferred[list[str]]:
        """Reload all processes. Return the problems for which the reload was refused, if any."""
        self._notifier.reloading()
        return Deferred.fromCoroutine(self._try()).addBoth(self._ended)

    def _ended(self, result: list[str]) -> list[str]:
        self._notifier.ready()
        return result

    async def _try(self) -> list[str]:
        try:
            changed = self._replace(load(self._head.loaded.path))
            await self._head.workers.reloaded()
            text = "; ".join(changed) or "nothing changed but certificates, perhaps"
            self._events.emit(Notice(f"reloaded: {text}"))
            return []
        except BadSettings as bad:
            problems = [str(problem) for problem in bad.problems]
        except CannotListenError as bad:
            problems = [cannot_listen(bad)]
        except (BadCertificate, BadFilter, OSError) as bad:
            problems = [str(bad)]
        self._events.emit(Faulted("reload refused, the old settings go on", "; ".join(problems)))
        return problems

    def _replace(self, loaded: Loaded) -> list[str]:
        """Use other settings; return the changes as text. Raises CannotListenError, BadCertificate,
        BadFilter and OSError, with nothing changed."""
        head, former = self._head, self._head.loaded
        changed = [*changes(former.settings, loaded.settings), *changed_secrets(former, loaded)]
        loaded = for_running(loaded, former)  # a worker that starts later must agree too
        opened = self._listeners.open(head.foundation, loaded.settings)
        try:
            head.replace(loaded)
        except (BadCertificate, BadFilter, OSError):
            close_all(opened)
            raise
        self._listeners.use(opened, loaded.settings)
        self._listeners.serve(head.services)
        head.assign_workers()
        return list(map(str, changed))
