"""One tenant's room calendars over Exchange Web Services, by way of exchangelib (docs/decisions/0002)."""
