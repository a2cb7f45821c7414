"""What differs between two models, as those who know the rules would say it: decisions, columns, rules and cells."""
