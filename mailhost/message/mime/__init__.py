"""Reading and editing MIME by offsets: the parts that are not edited keep their octets."""
