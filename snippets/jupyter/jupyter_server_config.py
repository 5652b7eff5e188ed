# /etc/jupyter/jupyter_server_config.py: read by every user's server.
import fcntl
import os
import tempfile
from datetime import UTC, datetime
from unittest import mock

from jupyter_core.paths import is_hidden, jupyter_runtime_dir
from jupyter_server.base.handlers import AuthenticatedFileHandler
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.httpserver import HTTPServer
from tornado.web import HTTPError, StaticFileHandler

c = get_config()

# A server waits a quarter of an hour for the rest of a request, such as an upload. By itself it would wait for ever, also after
# the client has gone, and anybody who knows a user's name could take up all connections of the user's server.
HTTPServer.configure(None, body_timeout=900)


class FramedFilesHandler(AuthenticatedFileHandler):
    """Files that the user's own notebook pages may show in an iframe, as %jigsaw does.

    JupyterHub's servers answer everything with frame-ancestors 'none'. This lifts it for
    /files/ alone. The sandbox stays: it keeps a page under /files/ from reading anything
    of the server that it came from.
    """

    @property
    def content_security_policy(self):
        return "frame-ancestors 'self'; sandbox allow-scripts"

    def validate_absolute_path(self, root, absolute_path):
        """Follow links that lead out of the home, as JupyterLab does when it lists and opens files."""
        self.allowed_symlink_directory = "/"
        path = StaticFileHandler.validate_absolute_path(self, root, absolute_path)
        if is_hidden(absolute_path, root) and not self.contents_manager.allow_hidden:
            raise HTTPError(404)
        return path


class PromptConnection(ZMQChannelsWebsocketConnection):
    """A kernel's WebSocket that sends each message at once.

    A reply is several small messages. Unasked, the system keeps each back until the one
    before has been acknowledged: 40 milliseconds, for most of what a kernel says.
    """

    def connect(self):
        self.websocket_handler.set_nodelay(True)
        return super().connect()


c.ServerApp.kernel_websocket_connection_class = PromptConnection


# What a kernel's Python runs in the place of "-m MODULE". That would look for the module in the notebook's folder, where files may
# be somebody else's: one that is shared, or unpacked. MetaKernel also reads settings there, which are programs.
# Without debugpy, JupyterLab's debugger is off. It opens a port at which every user of the machine can run code in the kernel.
START = """
import sys
sys.path[:] = filter(None, sys.path)
sys.modules["debugpy"] = None
import os, runpy
try:
    from traitlets.config import Application
    load = Application.load_config_file
    def elsewhere(app, name, path=None):
        load(app, name, [place for place in path if place != os.getcwd()] if isinstance(path, list) else path)
    Application.load_config_file = elsewhere
except ImportError:
    pass
del sys.argv[0]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


class BusyKernelManager(AsyncMappingKernelManager):
    """Kernels that are at work, and say so.

    To the hub, a kernel that computes and prints nothing is idle: after some hours it would
    end the server.
    """

    async def cull_kernel_if_idle(self, kernel_id):
        if self._kernels[kernel_id].execution_state == "busy":
            self.last_kernel_activity = datetime.now(UTC)
        await super().cull_kernel_if_idle(kernel_id)

    def pre_start_kernel(self, kernel_name, kwargs):
        """Have each kernel of a Python's start without files of the notebook's folder."""
        manager, *names = super().pre_start_kernel(kernel_name, kwargs)
        command = manager.kernel_spec.argv
        at = command.index("-m") if "-m" in command else 0
        # Before it there may be options of Python's. After the name of a program, -m is that program's own.
        if at and os.path.basename(command[0]).startswith("python") and all(word.startswith("-") for word in command[1:at]):
            command[at : at + 1] = ["-c", START]
        return manager, *names


c.ServerApp.kernel_manager_class = BusyKernelManager
# A kernel that has done nothing for six hours is stopped, unless its notebook is open in a browser.
c.MappingKernelManager.cull_idle_timeout = 21600

# Kernels talk to their server through sockets in a folder of the user's. By default they
# use TCP, where every other user of the machine can read a kernel's code and output.
c.KernelManager.transport = "ipc"
# A socket's path has room for 107 bytes, of which its name takes 50. If the path of a home is
# too long, the sockets are in a new folder in /tmp, which only the user can open, too.
if len(os.fsencode(jupyter_runtime_dir())) > 57:
    os.environ["JUPYTER_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="jupyter-")
    # Debian 13 clears /tmp of what is ten days old, but not a folder that is locked.
    fcntl.flock(os.open(os.environ["JUPYTER_RUNTIME_DIR"], os.O_RDONLY), fcntl.LOCK_SH)

# Otherwise each start of a server starts Node.js twice: JupyterLab asks npm for its settings
# when it is imported, and later searches for language servers.
with mock.patch.dict(os.environ, PATH=""):
    import jupyterlab.labapp  # noqa: F401
c.LanguageServerManager.autodetect = False
# Otherwise each load of JupyterLab starts Node.js too, to find out whether JupyterLab has to be
# built again. With extensions that pip installs, this is never needed.
c.ServerApp.tornado_settings = {"page_config_data": {"buildCheck": False}}

c.ContentsManager.files_handler_class = FramedFilesHandler

# Blockly, for the editor in that iframe: one copy on the server, loaded by every user's browser.
c.ServerApp.extra_static_paths = ["/opt/jupyterhub/share/jigsaw/static"]
