"""The demo: real RabbitMQ, the real worker and the Exchange stand-in, with a story of bookings that is checked."""
