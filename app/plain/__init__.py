"""RabbitMQ without Celery: a producer (`POST /plain`) and a consumer process, both pika, on a queue of their own."""
