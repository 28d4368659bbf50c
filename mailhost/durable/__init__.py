"""The only room that syncs: batches of file changes made safe before anybody is answered."""
