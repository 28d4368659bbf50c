"""What other hosts have said to the mail of this host in the last days, read from the trace."""
