"""The folders of an account upon their Maildirs and the cache: the one implementation of
`interfaces/folders` that keeps files.

`account_mail` has the asynchronous side, which runs everything else in threads (`account_thread`).
`account_work` has what one account's operations share: the cache's transaction is the lock between
processes. `refresh` brings the cache up to date with the files, which `reading_files` compares with
it; `adding`, `flag_changes`, `transfer` and `removal` change both, and `reading` returns contents.
`uids` has the UID list, which is locked while files get their names. `tree` lists, makes, renames
and removes folders.
"""
