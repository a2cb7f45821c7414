"""Rules in the store, what guards their activation, and decisions as they are recorded."""
