"""What runs on the hub's own machine: it is copied there, and knows nothing else of the harness."""
