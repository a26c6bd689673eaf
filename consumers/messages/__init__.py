"""What is said in messages.

In come bytes, out go commands or violations, results, dispositions. Knows no broker and no Exchange.
"""
