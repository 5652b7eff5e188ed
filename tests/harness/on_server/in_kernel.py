"""What a user's program is able to do: runs in a kernel, and prints as JSON a dictionary of attempts and whether each works.

Where the system refuses, the name of its error stands instead (EPERM), and where it ends the program, that of the signal (SIGSYS).
"""

import ctypes
import errno
import json
import mmap
import multiprocessing
import os
import pathlib
import pty
import shutil
import signal
import socket
import subprocess
import sys
from multiprocessing import shared_memory

NODE = pathlib.Path(sys.executable).with_name("node")
NOTE = pathlib.Path.home() / "within.txt"
NEWUSER, TRACEME, NO_RANDOM_ADDRESSES, FIFO = 0x10000000, 0, 0x0040000, 1
C = ctypes.CDLL(None, use_errno=True)


def child(function) -> int:
    """The status with which a process ends that calls a function and does no more."""
    forked = os.fork()
    if not forked:
        os._exit(function())
    return os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1])


def call(function, *arguments) -> bool:
    """Call a function of C in a process of its own: True if it works, OSError if not, ChildProcessError if the system ends the process."""
    status = child(lambda: ctypes.get_errno() if function(*arguments) == -1 else 0)
    if status < 0:
        raise ChildProcessError(signal.Signals(-status).name)
    if status:
        raise OSError(status, os.strerror(status))
    return True


def heard(function, answer: int) -> bool:
    """Whether the kernel itself finds fault with what is asked, by that error: whoever is asked before it knows another, or none."""
    try:
        function()
    except OSError as error:
        if error.errno == answer:
            return True
        raise
    return False


def writes_at_home():
    NOTE.unlink(missing_ok=True)
    return NOTE.write_text("x") == 1


def speaks_with_itself():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
    return bool(socket.if_nameindex())  # asked by netlink


def computes_in_processes():
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return pool.map(abs, [-1, -2]) == [1, 2]


def shares_memory():
    memory = shared_memory.SharedMemory(create=True, size=10)
    memory.close()
    memory.unlink()
    return True


def runs_what_it_writes():
    return len(mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)) == 4096


def opens_a_terminal():
    return pty.spawn(["true"], lambda descriptor: b"") == 0


def lets_others_first():
    os.sched_setaffinity(0, os.sched_getaffinity(0))
    return child(lambda: os.nice(1)) == 1


# One program of the hub's own environment, and one in each folder in which a login by SSH finds some; the first two of those were
# put there.
PROGRAMS = {
    os.path.dirname(sys.executable): "jupyter",
    "/usr/local/sbin": "local-true",
    "/usr/local/bin": "setuid-id",
    "/usr/sbin": "chpasswd",
    "/usr/bin": "ls",
}


def finds_programs():
    """/bin is another name of /usr/bin."""
    found = {folder: shutil.which(name) for folder, name in PROGRAMS.items()}
    return all(path and os.path.samefile(os.path.dirname(path), folder) for folder, path in found.items())


def asks_for_real_time():
    """Without a priority the kernel finds it wrong, before it looks at who asks."""
    return heard(lambda: call(C.sched_setscheduler, 0, FIFO, ctypes.byref(ctypes.c_int(0))), errno.EINVAL)


def asks_for_raw_packets():
    """A user may not have them anyway."""
    return heard(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW), errno.EPERM)


WORKS = {
    "writes at home": writes_at_home,
    "writes in /tmp": lambda: pathlib.Path(f"/tmp/within-{os.getpid()}").write_text("x") == 1,
    "shares a folder with its group": lambda: subprocess.call("mkdir -p ~/within && chmod 2770 ~/within", shell=True) == 0,
    "finds the system's programs": finds_programs,
    "speaks with itself": speaks_with_itself,
    "speaks IPv6": lambda: socket.socket(socket.AF_INET6).close() is None,
    "forks": lambda: child(lambda: 7) == 7,
    "computes in processes": computes_in_processes,
    "shares memory": shares_memory,
    "runs what it writes": runs_what_it_writes,
    "runs Node.js": lambda: subprocess.call([NODE, "--eval", "process.exit(6 * 7)"]) == 42,
    "opens a terminal": opens_a_terminal,
    "lets others first": lets_others_first,
    "sees the processors": lambda: "processor" in pathlib.Path("/proc/cpuinfo").read_text(),
}
POWERS = {
    "becomes root by a setuid program": lambda: subprocess.check_output(["/usr/local/bin/setuid-id", "-u"], text=True).strip() == "0",
    "sees processes of others": lambda: any(path.stat().st_uid != os.getuid() for path in pathlib.Path("/proc").glob("[0-9]*")),
    "makes a namespace": lambda: call(C.unshare, NEWUSER),
    "is traced": lambda: call(C.ptrace, TRACEME, 0, 0, 0),
    "loads its programs at known addresses": lambda: call(C.personality, NO_RANDOM_ADDRESSES),
    "asks for real time": asks_for_real_time,
    "asks for raw packets": asks_for_raw_packets,
    "reads the kernel's symbols": lambda: pathlib.Path("/proc/kallsyms").open().close() is None,
    "looks at the kernel's modules": lambda: os.listdir("/usr/lib/modules") is not None,
    "leaves files that everybody reads": lambda: bool(NOTE.stat().st_mode & 0o004),
    "leaves files that its group reads": lambda: bool(NOTE.stat().st_mode & 0o040),
    "opens the machine's devices": lambda: pathlib.Path("/dev/card").open("rb").close() is None,
}


def tried(functions: dict) -> dict:
    answers = {}
    for name, function in functions.items():
        try:
            answers[name] = function()
        except ChildProcessError as ended:
            answers[name] = str(ended)
        except OSError as refused:
            answers[name] = errno.errorcode[refused.errno]
        except Exception as error:
            answers[name] = f"{type(error).__name__}: {error}"
    return answers


print(json.dumps({"works": tried(WORKS), "powers": tried(POWERS)}))
