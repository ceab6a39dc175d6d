"""`warren faults`: a schedule of faults, played one after the other under load, and what became of every task."""
