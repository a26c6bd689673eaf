"""What a room's calendar shall hold.

In comes a batch of one room's commands, out go dispositions. Knows no broker.
"""
