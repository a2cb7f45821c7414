"""The SQL store: the system of record of every execution, step, signal and worker."""
