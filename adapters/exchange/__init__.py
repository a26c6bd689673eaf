"""What every way to reach Exchange shares: one HTTP request and its three endings, bodies, waits, time zones."""
