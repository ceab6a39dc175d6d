"""`warren selfcheck`: is what Warren's instruments say true? Each check is a module of its own."""
