"""The Gallery tab: what its script asks of Python and the answers.

Knows galleries by their protocols; nothing of articles.
"""
