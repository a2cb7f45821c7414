"""The revisions of the tables, each in a file of its own that is never changed once it is released."""
