"""The cache of an account: one SQLite file of what is dear to find out again from the Maildirs.

It may be deleted at any time: UIDs, flags and keywords lie in files of the Maildirs.
"""
