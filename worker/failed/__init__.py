"""What `roomsync failed` does: options, the real broker and ledger, and how it is shown."""
