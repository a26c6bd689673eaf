"""How much Exchange is asked.

In come outcomes of requests, out goes the permission to send one, or how long to wait. Knows no booking.
"""
