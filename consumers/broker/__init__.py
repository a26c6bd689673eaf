"""RabbitMQ.

In come AMQP frames, out go raw and parsed deliveries and confirmed publications. Knows no booking and no Exchange.
"""
