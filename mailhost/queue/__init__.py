"""Mail that waits for another attempt: kept on disk, tried when due, bounced when hopeless."""
