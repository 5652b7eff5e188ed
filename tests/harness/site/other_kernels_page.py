"""How to cause each "If you see" of the page about other kernels."""

from __future__ import annotations

from tests.harness.site.following import State

PAGE = "deploy/other-kernels.md"
FOLDER, ENVIRONMENT = "/root/kernels", "/opt/jupyterhub"
BIN = f"{ENVIRONMENT}/bin"
HELD = f"{FOLDER}/requirements.txt"
OTHER = "/usr/local/share/jupyter/kernels/octave-old"
WITHOUT = f"{BIN}/jupyter kernelspec remove -y calysto_scheme; {BIN}/pip uninstall --yes --quiet calysto_scheme"
AGAIN = f"cd {FOLDER} && sh add.sh calysto_scheme calysto_scheme"
STATES = {
    # As where the hub has another MetaKernel than the kernel asks for.
    "If you see ResolutionImpossible": State(f"cp {HELD} {HELD}.kept; echo metakernel==0.30.4 >>{HELD}", f"mv {HELD}.kept {HELD}"),
    # As who misspells a name. So as to ask nobody for it, pip is kept from PyPI.
    "If you see No matching distribution found": State("true", typed=[f"cd {FOLDER}", "PIP_NO_INDEX=1 sh add.sh gnuplott_kernel gnuplot"]),
    "If you see No kernel has the name": State("true", typed=[f"cd {FOLDER}", f"{BIN}/python env.py scilb SCILAB_EXECUTABLE=scilab-cli"]),
    "If you see only the second": State(
        f"mv {OTHER} /root/octave-old; /opt/octave-old/bin/python -I -m octave_kernel install --sys-prefix --name octave-old",
        f"mv /root/octave-old {OTHER}",
        typed=[f"{BIN}/jupyter kernelspec list"],
        seen=[f"{ENVIRONMENT}/share/jupyter/kernels/octave\n"],
        never=["octave-old"],
    ),
    "If you see Skipping calysto_scheme as it is not installed": State(WITHOUT, AGAIN),
    "If you see No server finds a kernel": State("true", typed=[f"cd {FOLDER}", f"{BIN}/python try_kernel.py mi_kernel '6 * 7' 42"]),
}
