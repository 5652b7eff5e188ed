"""Containers that stand for servers, and what is installed and broken on them."""
