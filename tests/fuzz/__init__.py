"""Hostile octets for each parser that reads what strangers send.

`targets/NAME.py` has a function `target(data)` that gives octets to one parser and checks what must
hold for any octets. `corpus/NAME/` has its cases, one a file: `test_corpus` runs each of them once,
and `make fuzz` changes them at random, guided by the lines that they reach. A case that fails is
written into the corpus, so it is a test from then on.
"""
