"""Compares calendars with the ledger, and asks the lanes to mend what differs; writes nothing beside them."""
