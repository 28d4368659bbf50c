"""Comparisons with other programs, and examinations by them, run by hand: minutes, and programs to
install."""
