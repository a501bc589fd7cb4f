"""Images, lists, pairs, features, metrics and files: one way to read each, and one to write it."""
