"""How to cause each "If you see" of the page about blocks for another language."""

from __future__ import annotations

from tests.harness.site.following import State

PAGE = "jigsaw/languages.md"
LUA, EDITOR, BIN = "/root/lua", "/root/jigsaw/Python.html", "/opt/jupyterhub/bin"
AGAIN = f"cd {LUA} && sh install.sh"
STATES = {
    # As who has changed the page, or has that of another release.
    "If you see FAILED": State(f"sed -i.kept 's/Blocks for Python/Blocks/' {EDITOR}", f"mv {EDITOR}.kept {EDITOR}"),
    # As where pip reaches nothing.
    "If you see No matching distribution found": State(
        f"{BIN}/pip uninstall --yes --quiet lupa; mv /usr/local/share/wheels /root/wheels.away",
        f"mv /root/wheels.away /usr/local/share/wheels; {AGAIN}",
    ),
    # As who has removed it before, which the test has.
    "If you see Couldn't find kernel spec": State("true"),
}
