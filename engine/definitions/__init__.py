"""Flows, steps and their options; which of them a process knows; what a step knows about its attempt."""
