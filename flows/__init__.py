"""Examples of flows, each tested; ``python -m flows.demo`` runs one of them on two workers."""
