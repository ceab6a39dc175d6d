"""Everything that is said to RabbitMQ: where it is, what is declared there, how a task is published."""
