"""What a booking command means and how it becomes true in a room's calendar."""
