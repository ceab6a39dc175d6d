"""From part files to a result: one record a task, the ledger, percentiles, and what can be said of them."""
