"""What the tests stand on: containers, deployments, mutated snippets. Nothing here asserts."""
