# /etc/jupyterhub/slurm.py
# Users' servers are jobs of Slurm's. The last line of jupyterhub_config.py reads this file.
import asyncio
import pwd
import re
import shlex
import time
from html import escape

from batchspawner import SlurmSpawner
from batchspawner.api import BatchSpawnerAPIHandler
from batchspawner.batchspawner import JobStatus
from jupyterhub.apihandlers import default_handlers
from tornado import web
from traitlets import Dict, default

c = get_config()

# Servers on the nodes talk to the hub here. In /etc/hosts of all machines, this name stands for the hub's
# address on the cluster's network. firewall-head.nft keeps everybody but the nodes away.
c.JupyterHub.hub_bind_url = "http://head:881"


class PortHandler(BatchSpawnerAPIHandler):
    """Takes the number of a server's port, and nothing else.

    batchspawner's own lets any server set any option of its spawner, such as the commands that
    the hub runs as root.
    """

    def get_json_body(self):
        port = (super().get_json_body() or {}).get("port")
        if type(port) is not int or not 1024 <= port <= 65535:
            raise web.HTTPError(400, "Only a port is taken.")
        return {"port": port}


for place, (path, handler) in enumerate(default_handlers):
    if handler is BatchSpawnerAPIHandler:
        default_handlers[place] = (path, PortHandler)


class NotStarted(web.HTTPError):
    """Its words reach the user: of other errors, JupyterHub would tell nothing."""

    def __init__(self, words, status=500):
        super().__init__(status, words)
        self.jupyterhub_message = words


class JobSpawner(SlurmSpawner):
    """batchspawner's own, with choices that are checked, a queue that tells what it waits for, and starts that fail at once."""

    choices = Dict(help="What users may choose: {what: {value: the words on the page}}, see choices.py.").tag(config=True)

    @default("req_username")
    def quoted_name(self):
        """Root's shell reads the name in the commands below, and a name from a directory can contain a command."""
        return shlex.quote(self.user.name)

    @default("req_homedir")
    def quoted_home(self):
        """As root, sbatch reads the home in the job's script below, and a home from a directory can contain an option."""
        return '"' + re.sub(r'[\\"]', r"\\\g<0>", pwd.getpwnam(self.user.name).pw_dir) + '"'

    def chosen(self, options):
        """The options, if each is offered. batchspawner itself writes into the job's script whatever a user asks the hub for, or a link
        to the hub that a user follows: a command too."""
        for name, value in options.items():
            if value not in [*self.choices.get(name, ())]:
                # Otherwise the hub would use the same options again at the next start.
                self.orm_spawner.user_options = None
                self.db.commit()
                raise NotStarted(f"Not one of the choices: {name!r:.40}.", 400)
        return options

    def run_options_from_form(self, form):
        one = {name: values[0] if len(values) == 1 else values for name, values in form.items() if name != "_xsrf"}
        return self.chosen(one)

    # A link may have the same fields as the form.
    options_from_query = run_options_from_form

    async def get_options_form(self):
        rows = ""
        for name, values in self.choices.items():
            rows += f'<label for="{name}">{name.capitalize()}</label><select class="form-control mb-3" id="{name}" name="{name}">'
            rows += "".join(f'<option value="{escape(value)}">{escape(words)}</option>' for value, words in values.items())
            rows += "</select>"
        return rows

    async def start(self):
        self.user_options = self.chosen(self.user_options)
        starting = asyncio.ensure_future(super().start())
        # The hub itself would give up without saying why.
        end = time.monotonic() + self.start_timeout - 5
        try:
            while not starting.done():
                await asyncio.wait([starting], timeout=2)
                if starting.done() or not self.job_id:
                    continue
                if await self.query_job_status() == JobStatus.NOTFOUND:
                    raise NotStarted(f"Job {self.job_id} ended before its server listened.")
                if time.monotonic() > end:
                    raise NotStarted(f"Job {self.job_id} took too long. Slurm said last: {self.job_status.removesuffix(' n/a')}")
            return starting.result()
        except RuntimeError as error:
            over = "disappeared" in str(error)
            raise NotStarted("The job ended before its server listened." if over else str(error)) from error
        finally:
            starting.cancel()

    async def stop(self, now=False):
        # If the hub gave up while Slurm's controller does not answer, it would forget the job, which would go on.
        while True:
            try:
                return await super().stop(now)
            except RuntimeError as error:
                if "Invalid job id" in str(error):
                    return
                await asyncio.sleep(5)

    async def progress(self):
        last = ""
        while not self.state_isrunning():
            if self.job_status != last:
                last = self.job_status
                yield {"message": f"Job {self.job_id} waits. Slurm says: {last.removesuffix(' n/a')}"}
            await asyncio.sleep(1)
        yield {"message": f"Job {self.job_id} runs on {self.state_gethost()}. Its server starts."}


c.JupyterHub.spawner_class = JobSpawner

# What each server asks Slurm for.
c.SlurmSpawner.req_partition = "jupyter"
c.SlurmSpawner.req_memory = "2G"
c.SlurmSpawner.req_nprocs = "1"
c.SlurmSpawner.req_runtime = "8:00:00"
# In seconds: how long the hub waits for a node, and then for the server to answer.
c.SlurmSpawner.start_timeout = 300
c.SlurmSpawner.http_timeout = 60

# The hub is root, who may submit jobs as any user. Without --gid, the jobs would have root's group.
c.SlurmSpawner.exec_prefix = ""
c.SlurmSpawner.batch_submit_cmd = "sbatch --parsable --uid={username} --gid=$(id --group {username})"
c.SlurmSpawner.batch_query_cmd = "squeue --noheader --jobs={job_id} --format='%T %r %B'"
# After any other error, the job may still be running: only a job that Slurm does not know is over.
c.SlurmSpawner.state_unknown_re = r"^(?!.*Invalid job id).*error"

# Full paths, because on a node there is no hub whose PATH leads to these programs.
c.SlurmSpawner.batchspawner_singleuser_cmd = "/opt/jupyterhub/bin/batchspawner-singleuser"
c.Spawner.cmd = ["/opt/jupyterhub/bin/jupyterhub-singleuser"]

# ALL is the short environment that the hub gives sbatch. With a list of names, each start would first run
# the user's ~/.profile, and wait for it for up to two minutes. PATH and the language are set here instead.
# exec, so that the server itself is asked to end when the job is. The kernels' sockets are on the
# node's own disk, because homes are on another machine.
c.SlurmSpawner.batch_script = """#!/bin/sh
#SBATCH --job-name=jupyterhub-server
#SBATCH --partition={{partition}}
#SBATCH --time={{runtime}}
#SBATCH --mem={{memory}}
#SBATCH --cpus-per-task={{nprocs}}
#SBATCH --no-requeue
#SBATCH --chdir={{homedir}}
#SBATCH --output={{homedir}}/.jupyter-job.log
#SBATCH --open-mode=truncate
#SBATCH --export=ALL

umask 077
export PATH=/opt/jupyterhub/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin
set -a
[ ! -e /etc/default/locale ] || . /etc/default/locale
set +a
export JUPYTER_RUNTIME_DIR="$(mktemp --directory /tmp/jupyter-XXXXXX)"
exec {{cmd}}
"""
