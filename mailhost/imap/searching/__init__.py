"""SEARCH, SORT and THREAD over the messages that a client knows.

`scope` is what a command searches in, `masks` are sets of messages, `by_view` has the keys that the
folder's view answers, `evaluation` the rest and their order; `ordering` and `threads` are SORT and
THREAD, `progress` tells the client how far a long command is.
"""
