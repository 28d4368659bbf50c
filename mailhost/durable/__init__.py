"""Changes to files that are safe on the disk before any client is answered: the only package that
syncs.

How a commit goes:

1. A service hands `Change` values to `BySize.commit` (ICommitter) and waits for one result each.
2. Small changes go to `WriterClient`: all of one turn of the reactor in one frame (`frames`) over a
   unix socket to the writer. Large ones, and all while there is no writer, go to a `Committer`,
   which is a thread of this process.
3. The writer (`writer`) is one process for all others, started by the head (`writer_process`). A
   `Batch` has the changes of all processes that wait when it begins.
4. Where the data folder has a log (`log`), new files and removals are safe by one write to it.
   Else, and for all other changes, a batch writes the files, syncs them, renames them, then syncs
   their folders (`folders`), each once. `kinds` says what each step does for each kind of change,
   `system` has the calls.
5. The results go back. A change that failed is undone, and the others are not concerned.
6. If the writer dies, its clients make again what it left unanswered, with a `Committer`. If the
   writer or the disk gives no answer for 10 s, the operator reads so in the log (`stall`).
"""
