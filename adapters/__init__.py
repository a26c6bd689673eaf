"""The outside: the ports and their vocabulary, and one package for each outside system behind them."""
