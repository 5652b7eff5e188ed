"""The built guide, as readers have it."""
