"""One worker process of a pool: how it consumes, shows that it lives, is measured, and stops."""
