"""From queue to settled booking."""
