"""Containers that act as servers, and what is installed and broken on them."""
