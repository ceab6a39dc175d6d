"""The clocks of a target's machines, read before and after a load. What it means for a result: analysis/clocks.py."""
