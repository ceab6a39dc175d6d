"""`warren tune`: which settings suit a task on this machine, by measuring, and what each of them could lose."""
