"""What lies beside a notebook: another user's programs, under each name that a kernel's start might look for; a %jigsaw of a test's own."""

from __future__ import annotations

from tests.harness.machines import engine
from tests.harness.manifest import VALUES

# Where they write their names, in the home of whoever runs them.
RAN = "ran-from-the-folder"
PROGRAM = f"import os\nopen(os.path.expanduser('~/{RAN}'), 'a').write(os.path.basename(__file__) + '\\n')\n"
# Modules: of the kernels' starts, of Python's that these import, of MetaKernel's magics; and files of settings, which are programs.
MODULES = ("ipykernel_launcher", "runpy", "traitlets", "pkgutil", "typing", "asyncio", "metakernel", "shell_magic", "jigsaw_magic")
# What a kernel's program may read when it starts, in its own language.
OTHERS = {
    ".octaverc": f'system("echo .octaverc >>~/{RAN}");\n',
    ".gnuplot": f'system "echo .gnuplot >>~/{RAN}"\n',
    "scilab.ini": f'unix("echo scilab.ini >>~/{RAN}");\n',
    ".scilab": f'unix("echo .scilab >>~/{RAN}");\n',
    ".bashrc": f"echo .bashrc >>~/{RAN}\n",
}
SETTINGS = ("ipython_config", "ipython_kernel_config", "metakernel_config", "jupyter_config")


# Where the folder is, which is mallory's, and what bob opens there.
FOLDER, NOTEBOOK = "/srv/shared", "shared/n.ipynb"


def shared(machine: engine.Container, *modules: str) -> None:
    """Put such a folder on a machine, with some more modules, and a link to it into bob's home."""
    names = {*MODULES, *SETTINGS, *modules}
    files = {f"{FOLDER}/{name}.py": PROGRAM for name in names} | {f"{FOLDER}/{name}": text for name, text in OTHERS.items()}
    machine.put(files | {f"{FOLDER}/helper.py": "answer = 42\n"})
    machine.sh(f"chown -R mallory: {FOLDER}; chmod -R a+rX {FOLDER}; ln -sfn {FOLDER} /home/bob/shared")


def ran(machine: engine.Container, user: str) -> set[str]:
    """Which of them a user has run since this was last asked."""
    file = f"/home/{user}/{RAN}"
    return set(machine.sh(f"cat {file} 2>/dev/null; rm -f {file}", check=False).stdout.split())


# No kernel of the hub's takes a magic from its folder; those of tests' machines do, by this line, which each Python of the hub's reads.
LINE = 'import os, sys; sys.path[:0] = [os.getcwd()] * os.path.exists("jigsaw_magic.py")\n'


def magic(machine: engine.Container, path: str, text: str, user: str) -> None:
    """Let notebooks of a folder have a %jigsaw of their own."""
    machine.sh(f"for folder in {VALUES['environment']}/lib/python3*/site-packages; do cat >$folder/tests.pth; done", input=LINE)
    machine.sh(f"mkdir -p '{path}' && cat >'{path}/jigsaw_magic.py'", input=text, user=user)
