"""The trace: the events of each message, kept for `mailhost trace` and the doctor.

Each process collects its events in memory (`sink`), and writes them in batches in a thread, about
once a second, as rows of one SQLite database (`database`). A row has the events of one message
within one batch, which `facts` turns into JSON. `story` reads all rows of a message, `timeline`
describes them as text, and `reader` finds messages. The head removes old rows (`expiry`).

A crash loses the last second of the trace. A database that cannot be written costs no mail: there
is one warning, and what does not fit into a bounded memory is dropped and counted.
"""
