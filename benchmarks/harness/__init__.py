"""What the measurements have in common: stores, workers as processes, and how what they cost is found out."""
