#!/usr/bin/env python3
# /// script
# requires-python = ">=3.9"
# dependencies = ["requests>=2.28", "websocket-client>=1.5"]
# ///
"""Check a JupyterHub from the outside, the way a user's browser meets it.

    python hubcheck.py https://hub.example.com/jupyter/
    python hubcheck.py https://hub.example.com/jupyter/ --user alice --password-file alice.txt
    python hubcheck.py https://hub.example.com/jupyter/ --token-file token.txt
    journalctl --unit jupyterhub | python3 hubcheck.py --log -

It climbs, rung by rung, from "the hub answers" to "%jigsaw may be shown", and stops at the first rung that fails:
that rung and what the server said are the diagnosis. Without a user it checks only what anybody can see, and changes
nothing. With a password it logs in as a browser does; with a token (from --token-file, or HUBCHECK_TOKEN in the
environment) it does all that a token can. It starts the user's server if it is not running, starts a kernel and a
terminal, uploads files into a folder of its own, and takes away again all that it made.

With --log it asks nobody: it reads a log, and names the pages of the guide that have lines of it.

Exit status: 0 all rungs hold, 1 a rung failed, 2 wrong usage. With --log: 0 nothing known found, 1 something, 2 no text to read.
"""

from __future__ import annotations

import sys

from .command_line import main

if __name__ == "__main__":
    sys.exit(main())
