"""Read Jupyter configuration files strictly: run inside the hub's environment, `python strict_config.py FILE...`.

JupyterHub and Jupyter Server only warn of a misspelt option, and pass over a misspelt class in silence. This knows every option of every
class and says, for each file, `PATH:LINE: what is wrong`; the exit status is 1 if anything is.
"""

import ast
import difflib
import pathlib
import sys
from unittest.mock import MagicMock

# A grammar of web addresses and a migrator of databases: slow to load, and no option is theirs.
sys.modules["rfc3987_syntax"] = None
sys.modules.update({name: MagicMock() for name in ("alembic", "alembic.command", "alembic.config", "alembic.script")})

import jupyter_lsp.manager  # noqa: F401 - an extension of the server, with an option of its own
from jupyter_server.serverapp import ServerApp
from jupyterhub.app import JupyterHub
from traitlets.config.configurable import Configurable
from traitlets.config.loader import PyFileConfigLoader


def known():
    """Every configurable class, by name: the two applications and all that they can be made of."""
    _ = JupyterHub().classes, ServerApp().classes  # asking imports them: spawners, authenticators, managers
    found, todo = {}, [Configurable]
    while todo:
        for sub in todo.pop().__subclasses__():
            if sub.__name__ not in found:
                found[sub.__name__] = sub
                todo.append(sub)
    return found


def places(source):
    """The line of each `c.Class.option = ...`, as {(class, option): line}."""
    lines = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute):
            lines.setdefault((node.value.attr, node.attr), node.lineno)
    return lines


def guess(name, names):
    near = difflib.get_close_matches(name, names, 1)
    return f"; did you mean {near[0]}?" if near else ""


def problems(path):
    """Yield (line, text) for each option of the file that its class would ignore or refuse."""
    source = pathlib.Path(path).read_text("utf-8")
    try:
        where = places(source)
        config = PyFileConfigLoader(path).load_config()
    except SyntaxError as error:
        yield error.lineno, f"syntax error: {error.msg}"
        return
    except Exception as error:
        trace, line = error.__traceback__, 0
        while trace:
            line = trace.tb_lineno if trace.tb_frame.f_code.co_filename == path else line
            trace = trace.tb_next
        yield line, f"{type(error).__name__}: {error}"
        return
    classes = known()
    for section, values in config.items():
        line = min((n for (name, _), n in where.items() if name == section), default=0)
        cls = classes.get(section)
        if cls is None:
            yield line, f"no such class: {section}{guess(section, classes)}"
            continue
        traits = cls.class_traits(config=True)
        for option, value in values.items():
            line = where.get((section, option), line)
            trait = traits.get(option)
            if trait is None:
                yield line, f"no such option: {section}.{option}{guess(option, traits)}"
                continue
            if "deprecated" in (trait.help or "")[:40].lower():
                yield line, f"deprecated: {section}.{option}: {trait.help.strip().splitlines()[0]}"
            try:
                trait._validate(cls.__new__(cls), value)
            except Exception as error:
                yield line, f"bad value: {section}.{option}: {error}"


if __name__ == "__main__":
    found = [f"{path}:{line}: {text}" for path in sys.argv[1:] for line, text in problems(path)]
    print("\n".join(found))
    sys.exit(bool(found))
