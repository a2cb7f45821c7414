"""The worker: the pipeline from claimed steps to recorded checkpoints."""
