"""What `roomsync status --booking` does: reads a booking's story, looks where its messages lie, and tells."""
