"""The scenarios, one module each: it says what is set up and gives the figures back."""
