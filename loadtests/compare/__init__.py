"""`warren compare`: two stacks on one machine, run in turn, told apart by statistics or not at all."""
