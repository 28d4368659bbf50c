"""Reading and editing MIME by offsets: what is not edited keeps its very octets."""
