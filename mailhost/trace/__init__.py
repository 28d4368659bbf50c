"""The trace: what happened to each message, kept for `mailhost trace` and the doctor.

Each process collects its events in memory (`sink`), and writes them in batches in a thread, about
once a second, as rows of one SQLite database (`database`). A row has what happened to one message
within one batch: `facts` makes it from the events. `story` reads all rows of a message, `timeline`
tells them in plain words, and `search` finds messages. The head removes what is old (`expiry`).

A crash loses the last second of the trace. A database that cannot be written costs no mail: there
is one warning, and what does not fit into a bounded memory is dropped and counted.
"""
