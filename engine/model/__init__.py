"""Plain values that every part of the engine shares: no input, no output, no clock."""
