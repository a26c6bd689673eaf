"""A private RabbitMQ node for the demo and the tests."""
