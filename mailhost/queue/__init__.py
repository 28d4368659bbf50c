"""Mail that waits for another attempt: kept on disk, tried when due, and
bounced when an attempt fails for good or the time is over."""
