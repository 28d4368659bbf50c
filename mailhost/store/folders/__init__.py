"""The folders of an account upon their Maildirs and the cache: the one implementation of
`interfaces/folders` that keeps files.

`accounts` has the asynchronous side, which runs everything else in threads. `account_work` has what
one account's operations share: the cache's transaction is the lock between processes. `refresh`
brings the cache up to date with the files; `adding`, `flag_changes`, `transfer` and `removal`
change both; `tree` lists, makes, renames and removes folders.
"""
