"""Browsers as users of the hub have them, and the other web sites that they visit."""
