"""The tasks. Each names itself, so that a message means the same in every process."""
