"""The local target: the whole stack as child processes on 127.0.0.1, with a RabbitMQ node of its own."""
