"""A malicious user of the machine: takes the hub's ports whenever they are free, and answers everyone who connects.

`python port_taker.py SECONDS PORT...` runs as that user. It prints, as JSON, the ports that it could take ("took"), why not
("refused": by port, the system's words), and what came to them ("heard").
"""

import contextlib
import json
import selectors
import socket
import sys
import time

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: close\r\n\r\nI am mallory"


def hold(seconds: float, ports: list[int]) -> dict:
    """Try each port every two milliseconds, and serve those that were free, for so many seconds."""
    taken: dict[int, socket.socket] = {}
    refused: dict[int, str] = {}
    heard: dict[int, str] = {}
    visitors = selectors.DefaultSelector()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for port in set(ports) - set(taken):
            place = socket.socket()
            place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                place.bind(("", port))  # at every address
                place.listen(64)
            except OSError as error:
                refused[port] = error.strerror
                place.close()
                continue
            place.setblocking(False)
            visitors.register(place, selectors.EVENT_READ, port)
            taken[port] = place
        for key, _ in visitors.select(0) if taken else ():
            with contextlib.suppress(OSError):
                line = key.fileobj.accept()[0]
                line.settimeout(0.3)
                with line, contextlib.suppress(TimeoutError):
                    while piece := line.recv(8192):
                        heard[key.data] = (heard.get(key.data, "") + piece.decode("latin-1"))[:20_000]
                        if b"\r\n\r\n" in piece and not piece.startswith(b"POST"):
                            break
                    line.sendall(ANSWER)
                line.close()
        time.sleep(0.002)
    return {"took": sorted(taken), "refused": refused, "heard": heard}


if __name__ == "__main__":
    print(json.dumps(hold(float(sys.argv[1]), [int(port) for port in sys.argv[2:]])))
