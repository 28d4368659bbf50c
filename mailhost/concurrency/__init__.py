"""Code that waits: answers that may be ready, blocking calls in threads, long work in parts."""
