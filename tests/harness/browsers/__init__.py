"""Chromium as a user of the hub has it, and the rest of the web around it."""
