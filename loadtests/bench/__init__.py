"""`warren bench`: calibrate, find the highest sustained rate, read latency at a share of it, drain, account, report."""
