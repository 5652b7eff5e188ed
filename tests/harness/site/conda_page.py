"""How to cause each "If you see" of the page about conda environments."""

from __future__ import annotations

from tests.harness.site.following import State

PAGE = "deploy/conda.md"
COURSE, OWN, HUB = "/opt/conda/envs/course", "/home/alice/miniconda3/envs/own", "/opt/conda/envs/hub"
BIN = "/opt/jupyterhub/bin"
# The steps with which the hub itself moves: they are followed on a machine of their own.
HUB_ITSELF = "run-the-hub-itself-in-a-conda-environment"
SCRIPT, BLOCKLY = "/root/kernel/install.sh", "/root/jigsaw/blockly-*.tgz"


def without(package: str, environment: str) -> State:
    """The state in which an environment lacks a package."""
    packages = f"{environment}/lib/python3*/site-packages"
    return State(f"cd {packages} && mv {package} ../away", f"cd {packages} && mv ../away {package}")


KERNEL_STATES = {
    # As where the administrator's umask is 077, or the environment is in a closed home.
    "If you see Permission denied": State("chmod 700 /opt/conda", "chmod 755 /opt/conda"),
    "If you see No module named 'ipykernel'": without("ipykernel", COURSE),
    "If you see neither kernel": State(
        f"{BIN}/jupyter kernelspec remove -y course; rm -rf {COURSE}/share/jupyter/kernels/course*",
        f"rm -r {COURSE}/share/jupyter/kernels/course*",
        typed=[
            f"{COURSE}/bin/python -m ipykernel install --sys-prefix --name course",
            f"{COURSE}/bin/python -m my_kernel install --sys-prefix --name course_kernel",
            f"{BIN}/jupyter kernelspec list | grep course || echo neither",
        ],
        seen=[f"Installed kernelspec course in {COURSE}/share", f"Installed kernelspec course_kernel in {COURSE}/share", "\nneither"],
    ),
    # As who has left out the step before.
    "If you see No kernel has the name": State(f"{BIN}/jupyter kernelspec remove -y course || true"),
    "If you see No module named ipykernel": without("ipykernel", OWN),
    # As who has removed it before, which the test has.
    "If you see Couldn't find kernel spec": State("true"),
}
HUB_STATES = {
    "If you see /opt/jupyterhub": State(f"sed -i.kept s,{HUB},/opt/jupyterhub,g {SCRIPT}", f"mv {SCRIPT}.kept {SCRIPT}"),
    # The environment of the tests has Node.js without npm, and Blockly lies beside the script.
    "If you see npm: not found": State(f"mv {BLOCKLY} /root", f"mv /root/{BLOCKLY.rpartition('/')[2]} /root/jigsaw"),
}
STATES = KERNEL_STATES | HUB_STATES
