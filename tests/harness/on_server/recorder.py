"""Records each request and answer of a run of hubcheck; runs where `user_actions` does."""

import contextlib
import io
import json
import sys

import hubcheck
import requests
import websocket


def record(*given: str) -> dict:
    """A climb with hubcheck's arguments `given`: what it ended with and said, and all that went over the network.

    Each exchange is a request and its answer, each socket a WebSocket with its frames; bodies are text, those of bytes in Latin-1.
    """
    exchanges: list[dict] = []
    sockets: list[dict] = []
    send, iterate = requests.adapters.HTTPAdapter.send, requests.Response.iter_content
    connect, put, get = websocket.WebSocket.connect, websocket.WebSocket.send, websocket.WebSocket.recv

    def sending(self, request, *rest, **more):
        answer = send(self, request, *rest, **more)
        body = request.body or ""
        asked = {
            "method": request.method,
            "url": request.url,
            "headers": dict(request.headers),
            "body": body.decode("latin-1") if isinstance(body, bytes) else body,
        }
        headers = [[name, value] for name, value in answer.raw.headers.items()]
        answer.kept = {"status": answer.status_code, "reason": answer.reason, "headers": headers, "body": ""}
        exchanges.append({"asked": asked, "answered": answer.kept})
        return answer

    def iterating(self, *rest, **more):
        for piece in iterate(self, *rest, **more):
            self.kept["body"] += piece.decode("latin-1")
            yield piece

    def connecting(self, url, **options):
        headers = dict(line.split(": ", 1) for line in options["header"]) | {"Cookie": options["cookie"], "Origin": options["origin"]}
        self.kept = {"url": url, "headers": headers, "frames": []}
        sockets.append(self.kept)
        try:
            return connect(self, url, **options)
        except websocket.WebSocketBadStatusException as refused:
            sockets.remove(self.kept)
            asked = {"method": "GET", "url": url.replace("ws", "http", 1), "headers": headers, "body": ""}
            said = {"status": refused.status_code, "reason": refused.status_message, "headers": [*map(list, refused.resp_headers.items())]}
            exchanges.append({"asked": asked, "answered": said | {"body": (refused.resp_body or b"").decode("latin-1")}})
            raise

    def putting(self, payload, *rest, **more):
        if isinstance(payload, str):  # else it closes
            self.kept["frames"].append(["sent", payload])
        return put(self, payload, *rest, **more)

    def getting(self):
        self.kept["frames"].append(["received", get(self)])
        return self.kept["frames"][-1][1]

    requests.adapters.HTTPAdapter.send, requests.Response.iter_content = sending, iterating
    websocket.WebSocket.connect, websocket.WebSocket.send, websocket.WebSocket.recv = connecting, putting, getting
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        status = hubcheck.main([*given, "--json"])
    return {"status": status, "rungs": json.loads(said.getvalue())["rungs"], "exchanges": exchanges, "sockets": sockets}


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
