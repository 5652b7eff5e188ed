"""What another user of a machine can find from a shell: tries every port, socket, file and process.

`python local_scan.py SECONDS` runs as that user, with the secrets that it looks for on standard input, as a list in JSON. It prints,
as JSON, what answered and what could be read:

- "ports" and "sockets": what each that listens on TCP, or at a path, says to a plain request; "" for nothing at all.
- "heard": of these, those that publish messages by ZeroMQ to whoever subscribes, within so many seconds.
- "files": by path, of files of others in the usual places, how they are open: "w" to be written, "secret" for one of the
  secrets in it; "readable" for what belongs to a user rather than to the system.
- "processes": the names and arguments of programs of others that hold one of the secrets, or whose environment could be read.
"""

import json
import os
import pathlib
import pwd
import re
import socket
import stat
import sys
import time
from contextlib import suppress

import zmq

PLACES = ("/run", "/tmp", "/var", "/opt", "/etc", "/home", "/srv", "/dev/shm", "/root")
# In bytes; and in seconds: how old a file may be that holds a secret of this run.
LARGEST, OLDEST = 4_000_000, 1800
ASK = b"GET / HTTP/1.0\r\n\r\n"
LISTENING = "0A"  # the kernel's word in /proc/net/tcp
ACCEPTS = "00010000"  # and in /proc/net/unix


def ports() -> list[tuple[str, int]]:
    """Where somebody listens: (address, port). IPv6 is asked where nobody listens by IPv4."""
    found = {}
    for name, loopback in (("tcp6", "::1"), ("tcp", "127.0.0.1")):
        for row in pathlib.Path(f"/proc/net/{name}").read_text().splitlines():
            if row.split()[3] == LISTENING:
                address, _, port = row.split()[1].partition(":")
                # The kernel writes 127.0.0.1 as 0100007F. Somebody who listens at all addresses is asked at the usual one.
                own = socket.inet_ntoa(bytes.fromhex(address)[::-1]) if name == "tcp" and int(address, 16) else loopback
                found[int(port, 16)] = own
    return sorted((address, port) for port, address in found.items())


def paths() -> list[str]:
    """Where a Unix socket accepts connections."""
    rows = (row.split() for row in pathlib.Path("/proc/net/unix").read_text().splitlines()[1:])
    return sorted({row[7] for row in rows if len(row) > 7 and row[3] == ACCEPTS})


def said(family: int, address) -> str:
    """The first words of what listens there, or the error's."""
    with socket.socket(family) as line:
        line.settimeout(2)
        try:
            line.connect(address)
            line.sendall(ASK)
            return line.recv(4096).decode("latin-1").split("\r\n")[0]
        except TimeoutError:
            return ""
        except OSError as error:
            return f"[{error.strerror or error}]"


def heard(addresses: list[str], seconds: float) -> dict[str, str]:
    """What a subscriber to everything hears from each address within so many seconds; of those that say something."""
    context, poller, of = zmq.Context(), zmq.Poller(), {}
    for address in addresses:
        line = context.socket(zmq.SUB)
        line.setsockopt(zmq.LINGER, 0)
        line.setsockopt(zmq.SUBSCRIBE, b"")
        with suppress(zmq.ZMQError):
            line.connect(address)
            poller.register(line, zmq.POLLIN)
            of[line] = address
    pathlib.Path(f"/tmp/listening-{os.getuid()}").touch()
    told: dict[str, str] = {}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for line, _ in poller.poll(200):
            words = b" ".join(line.recv_multipart()).decode("latin-1")
            told[of[line]] = (told.get(of[line], "") + words)[:20_000]
    return told


def opened(path: str, about: os.stat_result, secrets: list[bytes]) -> str:
    """How a file of another is open: "w", "secret", "readable", or "" for not at all, or no more than what the system has for all."""
    how = []
    sticky = about.st_mode & stat.S_ISVTX
    if not stat.S_ISLNK(about.st_mode) and os.access(path, os.W_OK) and not sticky:
        how.append("w")
    if stat.S_ISREG(about.st_mode) and os.access(path, os.R_OK):
        content = b""
        with suppress(OSError):
            new = time.time() - max(about.st_mtime, about.st_ctime) < OLDEST
            content = pathlib.Path(path).read_bytes() if new and about.st_size < LARGEST else b""
        if any(secret in content for secret in secrets):
            how.append("secret")
        if about.st_uid >= 1000 and about.st_uid != 65534:
            how.append("readable")
    return ", ".join(how)


def files(secrets: list[bytes]) -> dict[str, str]:
    me, seen = os.getuid(), {}
    for place in PLACES:
        for folder, folders, names in os.walk(place):
            for name in [*folders, *names]:
                path = f"{folder}/{name}"
                with suppress(OSError):
                    about = os.lstat(path)
                    if about.st_uid != me and (how := opened(path, about, secrets)):
                        seen[path] = how
    return seen


def processes(secrets: list[bytes]) -> dict[str, str]:
    seen = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if folder.stat().st_uid == os.getuid():
                continue
            arguments = (folder / "cmdline").read_bytes()
            found = ["a secret in its arguments"] if any(secret in arguments for secret in secrets) else []
            with suppress(OSError):
                if (folder / "environ").read_bytes():
                    found.append("its environment")
            if found:
                seen[arguments.replace(b"\0", b" ").decode("latin-1")[:200]] = ", ".join(found)
    return seen


if __name__ == "__main__":
    span, wanted = sys.argv[1], [word.encode() for word in json.load(sys.stdin)]
    on, at = ports(), paths()
    answer = {
        "user": pwd.getpwuid(os.getuid()).pw_name,
        "ports": {str(port): said(socket.AF_INET6 if ":" in address else socket.AF_INET, (address, port)) for address, port in on},
        "sockets": {path: said(socket.AF_UNIX, re.sub("^@", "\0", path)) for path in at},
        "heard": heard([f"tcp://{a}:{p}" for a, p in on if ":" not in a] + [f"ipc://{path}" for path in at if path[0] == "/"], float(span)),
        "files": files(wanted),
        "processes": processes(wanted),
    }
    print(json.dumps(answer))
