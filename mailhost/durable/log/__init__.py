"""The write-ahead log: new files and removals are on the disk in it before the file system has
them.

`DATA/log/N` are the segments (`segments`), which have records one behind the other (`records`). The
writer alone appends to the log (`log`), and makes small changes with it (`logged`). Every second it
makes the file system durable and notes in the log that it did (`checkpoints`). Processes that are
about to change files which only the log has for sure first `settle` their names with the writer. At
the start of the host `recovery` makes again what a power cut has taken.
"""
