"""Starts the page: arguments, logins, address.

Knows the whole page and how it is served; nothing of what it shows.
"""
