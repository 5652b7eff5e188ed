"""What all tests use: containers, deployments, changed snippets. Nothing here asserts."""
