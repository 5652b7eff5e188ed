"""What can be seen in the start of a user's server, its policies, its kernels and its files, and the causes of each."""

from __future__ import annotations

from .causes_on_the_way import BEFORE, OneOf

# Rows as those of ON_THE_WAY, and looked at last.
IN_A_SERVER: list[tuple[str, str | OneOf, str]] = [
    (
        r"Unhandled error starting server",
        OneOf(
            (
                "The hub starts servers itself, and its unit takes away the power to do so: User=root, or a CapabilityBoundingSet= "
                "without CAP_SETUID.",
                "The hub could not have systemd start the server, or the spawner failed.",
            ),
            'the hub\'s log says "Exception occurred in preexec_fn" if it is the first.',
        ),
        "troubleshooting/exception-occurred-in-preexec-fn",
    ),
    (
        r"Container \S+ ended",
        OneOf(
            (
                "The container does not reach the hub, because of c.JupyterHub.hub_bind_url or a firewall.",
                "The user's home belongs to somebody else, or the image is not right.",
            ),
            'docker logs NAME on the hub\'s machine: "Failed to connect to my Hub" is the first.',
        ),
        "deploy/docker",
    ),
    (
        r"Docker (says:|does not answer)",
        OneOf(
            (
                "The network that c.DockerSpawner.network_name names is not there.",
                "The image is not there.",
                "The user has no home folder, or Docker does not run.",
            ),
            '"network … not found" is the first, "No such image" the second, "bind source path" the third.',
        ),
        "deploy/docker",
    ),
    (
        r"ended before its server listened|batch job has disappeared",
        OneOf(
            (
                "The node lacks the hub's environment or batchspawner.",
                "The node has no home of this user's, or another than the hub's machine.",
                "The node does not reach the hub: c.JupyterHub.hub_bind_url and hub_connect_url.",
                "Slurm or somebody ended the job.",
                "The disk on which Slurm writes on the node is full.",
            ),
            'the job\'s log, ~/.jupyter-job.log in this guide: "not found" is the first, "Connection refused" the third, "CANCELLED" the '
            "fourth. Without one from this start, it is the second, or, if sinfo --list-reasons says so, the fifth.",
        ),
        "deploy/slurm",
    ),
    (
        r"took too long\. Slurm said last",
        OneOf(
            ("All nodes are full.", "Nodes are down or drained, or Slurm does not trust them."),
            "sinfo on the hub's machine: a state that ends in *, or begins with down or drain, is the second.",
        ),
        "deploy/slurm",
    ),
    (
        r"(sbatch|squeue|slurm_load_jobs|slurm\w*): error",
        OneOf(
            (
                "Slurm refuses the job: it asks for more than a partition lets jobs have.",
                "Slurm's controller does not answer.",
                "munge does not run on the hub's machine.",
                "The disk on which Slurm's controller writes is full.",
            ),
            '"Unable to contact slurm controller" is the second, "Munge encode failed" the third, "I/O error" the fourth. scontrol show '
            "partition has the limits of the first.",
        ),
        "deploy/slurm",
    ),
    (
        r"Spawn failed:$",
        OneOf(
            (
                "systemd did not start the user's server.",
                "The start took longer than c.Spawner.start_timeout allows, such as that of a job that waits for a node.",
            ),
            'the hub\'s log says why in systemd\'s words, such as "Unknown assignment" or "Failed to find executable", if it is the first.',
        ),
        "troubleshooting/unknown-assignment",
    ),
    (
        r"Server at http://(?!127\.|localhost|\[::1\])\S+ didn't respond in \d+ seconds",
        OneOf(
            (
                "The user's server runs on another machine or in a container, and does not reach the hub: c.JupyterHub.hub_bind_url "
                "and hub_connect_url name an address of this machine alone.",
                "The hub does not reach the user's server at that address.",
                "The server takes longer to come up than c.Spawner.http_timeout allows, or ends before.",
            ),
            'the log of the user\'s server: "Failed to connect to my Hub" is the first.',
        ),
        "troubleshooting/server-did-not-respond-in-time",
    ),
    (
        r"didn't respond in \d+ seconds",
        OneOf(
            ("The user's server takes longer to come up than c.Spawner.http_timeout allows.", "It ends before."),
            'journalctl --namespace "*" --unit jupyter-NAME on the server: the last lines say why it ended, if it did. '
            '"Failed at step CHDIR": its home is missing, or closed to the user.',
        ),
        "troubleshooting/server-did-not-respond-in-time",
    ),
    (
        r"refuses? JupyterLab's scripts",
        "The reverse proxy, or something in front of it, adds a Content-Security-Policy under which JupyterLab's pages stay blank.",
        "troubleshooting/jupyterlab-stays-blank",
    ),
    (
        r"(every page of the server|the hub's pages) may be framed",
        OneOf(
            (
                "frame-ancestors is set in jupyterhub_config.py or jupyter_server_config.py, for all pages: pages of other users or sites "
                "may frame them. Set it for files/ alone.",
                "The reverse proxy replaces or hides this header. {policy|nginx: add_header, proxy_hide_header. Apache: Header.}",
            ),
            "look for Content-Security-Policy in the files of the reverse proxy. If it is not there, it is the first.",
        ),
        "jigsaw/configure",
    ),
    (
        r"frame-ancestors 'none'",
        "The user's server forbids every frame. c.ContentsManager.files_handler_class in jupyter_server_config.py "
        "lifts that for files/ alone.",
        "troubleshooting/blank-jigsaw-iframe",
    ),
    (
        r"not sandboxed",
        "Something replaces the policy of files/ and drops its sandbox: a page there then acts as the user. "
        "Repeat 'sandbox allow-scripts'.",
        "jigsaw/configure",
    ),
    (
        r"Opener-Policy",
        "{opener|nginx: add_header Cross-Origin-Opener-Policy same-origin always. "
        "Apache: Header always set Cross-Origin-Opener-Policy same-origin.}",
        "jigsaw/configure",
    ),
    (
        r"api/kernelspecs -> 404 .*\(from the user's server\)",
        "The reverse proxy changes the Origin header: Jupyter takes every request of its pages for one of another site. The line goes.",
        "troubleshooting/cross-origin-websockets-not-allowed",
    ),
    (r"not among the kernels", "The kernel is not installed where this user's server looks.", "troubleshooting/kernel-not-in-the-launcher"),
    (
        r"File name too long",
        "The user's home lies so deep that a kernel's sockets have no room for their paths: "
        "JUPYTER_RUNTIME_DIR in jupyter_server_config.py.",
        "troubleshooting/file-name-too-long",
    ),
    (
        r"api/kernels -> 500(?!.*; \[Errno (?!2\]|13\]))",
        OneOf(
            ("kernel.json names a program that is not there.", "kernel.json names one that this user may not run."),
            "the words after the semicolon: [Errno 2] is the first, [Errno 13] the second.",
        ),
        "troubleshooting/error-starting-kernel",
    ),
    (
        r"the kernel ended while it computed",
        OneOf(
            (
                "The user's server and its kernels took more memory than c.Spawner.mem_limit allows, and Linux ended the kernel.",
                "All servers together took more than jupyter.slice allows, or than the machine has.",
                "The kernel's program ended by itself.",
            ),
            'journalctl --namespace "*" --unit jupyter-NAME says "killed by the OOM killer" if it is one of the first two.',
        ),
        "troubleshooting/kernel-appears-to-have-died",
    ),
    (
        r"the kernel did not answer|channels: the WebSocket does not open",
        OneOf(
            (
                "kernel.json names a Python in which the kernel is not installed.",
                "The kernel's program ends for want of something else: another program, or a variable of the environment.",
                "The kernel takes longer than --timeout.",
            ),
            'journalctl --namespace "*" --unit jupyter-NAME on the server shows the kernel\'s own error.',
        ),
        "troubleshooting/kernel-restarts-for-ever",
    ),
    (
        r"encoded slash",
        "The reverse proxy refuses encoded slashes. "
        "{slashes|Apache: AllowEncodedSlashes NoDecode. nginx: no path after the address in proxy_pass.}",
        "troubleshooting/not-found-for-an-encoded-slash",
    ),
    (
        r"encoded",
        "The reverse proxy decodes paths. {encoded|Apache: nocanon on ProxyPass. nginx: no path after the address in proxy_pass.}",
        "troubleshooting/bad-request-for-a-percent-sign",
    ),
    (
        r" -> 40[345]\b.*" + BEFORE,
        OneOf(
            (
                "Another rule of the reverse proxy answers for this path before the hub's own does. "
                "{rule|nginx: a location. Apache: a Location, an Alias or a RedirectMatch.}",
                "A firewall refuses this request.",
            ),
            "look for a part of this path in the files of what answered. If there is none, it is the second.",
        ),
        "troubleshooting/scripts-are-not-found",
    ),
]
