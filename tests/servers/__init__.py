"""Database servers for the tests: plain processes on loopback, each with a fresh data directory.

``python -m tests.servers postgresql`` keeps one running in the foreground; the fixtures in ``fixtures.py``
start them for a test session. Nothing here is part of the distribution.
"""
