"""A cluster of workers in one thread, under a virtual clock: the engine's own parts, and everything that can go wrong.

``python -m tests.simulation --seed N`` runs one course of events; the same seed gives the same course.
"""
