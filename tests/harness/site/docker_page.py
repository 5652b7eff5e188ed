"""How to cause each "If you see" of the page about Docker."""

from __future__ import annotations

from tests.harness.machines import deployment
from tests.harness.machines.containers import RESTART
from tests.harness.site.following import State, other_sums

PAGE = "deploy/docker.md"
LIST, OPTIONS = "/root/docker/requirements.txt", "/etc/default/docker"
SUBNET = "--subnet 10.123.0.0/16 --gateway 10.123.0.1"
CREATE = (
    f"docker network create {SUBNET} --opt com.docker.network.bridge.name=jupyter --opt com.docker.network.bridge.enable_icc=false jupyter"
)
# The hub says why it cannot listen; on a busy machine that takes its time.
LOST = "until journalctl --quiet --unit jupyterhub --lines 40 --grep 'Cannot assign requested address'; do sleep 0.5; done"
UP = f"systemctl start jupyterhub; {deployment.COMES_UP}"
STATES = {
    "If you see inactive": State("systemctl stop docker.socket docker.service", RESTART, typed=["systemctl is-active docker.service"]),
    "If you see false": State(
        f"cp {OPTIONS} /root/kept; echo 'DOCKER_OPTS=\"\"' >>{OPTIONS}; {RESTART}",
        f"mv /root/kept {OPTIONS}; {RESTART}",
        typed=["docker info | grep Live"],
    ),
    "If you see THESE PACKAGES DO NOT MATCH THE HASHES": other_sums(LIST),
    "If you see Pool overlaps": State(
        f"systemctl stop jupyterhub; docker network rm jupyter; docker network create {SUBNET} other",
        f"docker network rm other; {CREATE}; {UP}",
        typed=[CREATE],
    ),
    "If you see already exists": State("true", typed=[CREATE]),
    "If you see Unable to find image": State(
        "docker tag jupyter-user kept; docker rmi jupyter-user",
        "docker tag kept jupyter-user; docker rmi kept",
        typed=["docker run --rm --network none jupyter-user jupyter kernelspec list"],
    ),
    "If you see Cannot assign requested address": State(
        f"systemctl stop jupyterhub; docker network rm jupyter; systemctl start jupyterhub; {LOST}",
        f"systemctl stop jupyterhub; systemctl reset-failed jupyterhub; {CREATE}; {UP}",
    ),
}
