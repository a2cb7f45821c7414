"""Decision tables: compiled, decided, and looked through for what is wrong with them."""
