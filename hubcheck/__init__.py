"""The check that readers run, as modules: each imports only from those before it in this list. `make hubcheck` joins them.

The one file is published: snippets/check/hubcheck.py.
"""

PARTS = (
    "libraries",
    "causes_on_the_way",
    "causes_at_a_provider",
    "causes_at_the_hub",
    "causes_in_a_server",
    "other_proxies",
    "verdicts",
    "responses",
    "addresses",
    "hub",
    "reaching_the_hub",
    "logging_in",
    "starting_a_server",
    "kernels",
    "uploads",
    "blocks",
    "climbing",
    "known_lines",
    "logs",
    "reports",
    "command_line",
)
