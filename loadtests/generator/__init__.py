"""The load generator: when tasks are sent, sending them, and following what becomes of them."""
