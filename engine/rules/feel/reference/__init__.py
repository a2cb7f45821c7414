"""The reference of FEEL's built-in functions, made from the functions themselves, with examples that are evaluated.

``python -m engine.rules.feel.reference`` prints it; ``docs/reference/feel.md`` is its output.
"""
