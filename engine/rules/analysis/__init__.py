"""What is wrong with a table as such: gaps, overlaps, shadowed and unreachable rules, each with an example."""
