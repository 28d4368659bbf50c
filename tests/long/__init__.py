"""Comparisons with other programs over many mails, run by hand: minutes, and programs to
install."""
