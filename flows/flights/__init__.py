"""Compensation for delayed flights: decide what is owed, write the letter, pay, wait, confirm."""
