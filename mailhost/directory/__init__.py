"""Who lives here: from the settings file, from SQLite, and the union of both."""
