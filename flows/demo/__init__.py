"""The demo: ``python -m flows.demo`` settles delayed flights on two workers, kills one, and proves the result."""
