"""The daily run of the doctor in the head, which mails the administrator what changed."""
