"""The Maildir++ format: names of files and folders, listing, opening, removing."""
