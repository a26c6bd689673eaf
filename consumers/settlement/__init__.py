"""What becomes of a delivery.

In come dispositions, out go results, deferred and dead-lettered copies, acknowledgements. Knows no calendar.
"""
