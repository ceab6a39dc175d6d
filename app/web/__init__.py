"""The front end: tasks in, results out, over HTTP."""
