"""Runs things on machines, in browsers and over time, and keeps what was seen as evidence."""
