"""What `roomsync reconcile` does: chooses rooms, compares them, asks the lanes to mend, and tells."""
