"""Several processes on the same listening sockets: the head, which runs the queue, and workers."""
