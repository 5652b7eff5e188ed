"""Programs for the hub's own machine: they are copied there, and import nothing else of the harness."""
