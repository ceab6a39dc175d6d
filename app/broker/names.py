"""The names on the broker that every stack has."""

# Exchanges. Each but `tasks` has a queue of its own name.
TASKS, PLAIN, DEAD, RECORDS = "tasks", "plain", "dead", "records"
# Exclusive queues: of whoever works on the dead letters, for as long as that takes, and of the beat that sends.
DEAD_LOCK, BEAT_LOCK = "dead.lock", "beat.lock"
# How the queues begin in which Celery lets countdowns wait on the way to a quorum queue.
CELERY_DELAYED = "celery_delayed"
