"""Which room works next.

In come raw deliveries, out go batches, each with a permit. Knows neither what a batch does nor what Exchange answers.
"""
