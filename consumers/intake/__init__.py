"""From the broker to a room's lane, and back: deliveries, order, acknowledgement."""
