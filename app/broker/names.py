"""The exchanges that every stack has. Each but `tasks` has a queue of its own name."""

TASKS, PLAIN, DEAD, RECORDS = "tasks", "plain", "dead", "records"
# What Celery calls the queues in which countdowns wait on the way to a quorum queue.
DELAYED = "celery_delayed"
