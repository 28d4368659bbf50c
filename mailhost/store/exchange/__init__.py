"""Mail that moves in and out: Maildirs and mbox files are imported and exported.

`maildir_source` and `mbox` read, `adopting` copies a folder with its UIDs into one without mail,
`importing` adds messages to any folder, `exporting` writes Maildirs and mbox files. Each can be
ended at any time and begun again: finished parts are left out then. Everything blocks.
"""
