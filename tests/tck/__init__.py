"""The DMN Technology Compatibility Kit (TCK): runs any checkout of it against the rule engine."""
