"""Tells and explains what befell a booking, for whoever asks why a room is free or still booked."""
