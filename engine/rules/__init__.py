"""The rule engine: FEEL, decision tables and graphs of decisions. Values in, values out."""
