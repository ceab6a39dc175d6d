"""What the exit codes of `warren` say, the same in every command."""

OK = 0
FAILED = 1  # not met, worse, no number, no plan: what the command asks was answered with no, or could not be
BAD_INPUT = 2  # nothing was run
UNBALANCED = 3  # tasks are not accounted for
INVALID = 4  # of `warren compare`: its runs tell nothing
INTERRUPTED = 130
