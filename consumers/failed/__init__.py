"""The failed queue in an operator's hands: looked through, understood, replayed with proof, discarded, exported."""
