"""The replies of other hosts to the mail of this host in the last days, read from the trace."""
