"""Rules written in Python: tables over a function's signature, rules over typed facts, and sets of them."""

from engine.rules.authoring.cells import (
    Cell,
    anything,
    at_least,
    at_most,
    between,
    feel,
    less_than,
    more_than,
    none_of,
    one_of,
)
from engine.rules.authoring.decision_table import decision_table, matrix, truth_table
from engine.rules.authoring.pipeline import Pipeline, pipeline
from engine.rules.authoring.rule import Rule, rule
from engine.rules.authoring.rule_set import EndlessRules, RuleSet
from engine.rules.authoring.table import Table, Undecided

__all__ = [
    "Cell",
    "EndlessRules",
    "Pipeline",
    "Rule",
    "RuleSet",
    "Table",
    "Undecided",
    "anything",
    "at_least",
    "at_most",
    "between",
    "decision_table",
    "feel",
    "less_than",
    "matrix",
    "more_than",
    "none_of",
    "one_of",
    "pipeline",
    "rule",
    "truth_table",
]
