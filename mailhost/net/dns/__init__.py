"""DNS with typed answers, over twisted.names."""
