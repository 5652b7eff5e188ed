"""Makes the tables about the reverse proxies from what is known of each (snippets/NAME/proxy.toml).

- `{proxies} which`: the further ones: the page of each, where it was tried, and what it does not do.
- `{proxies} cannot NAME`: what one of them does not do, a list.
- `{proxies} parts`: what a reverse proxy has to do, and by which words of its files each does it.
"""

from _ext import manifest
from _ext.showing import FromFile, table

# What a reverse proxy in front of a hub has to do.
PARTS = {
    "plain_http": "Send plain HTTP to HTTPS",
    "tls": "TLS 1.2 and 1.3 only",
    "websockets": "WebSockets",
    "host": "Pass on Host as the browser sent it",
    "scheme": "Tell the hub that users come by HTTPS",
    "address": "Tell the hub the client's address",
    "connections": "A connection to the hub for each request",
    "away": "503 while the hub is away",
    "waiting": "Wait for long answers and silent WebSockets",
    "header": "15 seconds for a handshake and a header",
    "pause": "30 seconds for a pause in an upload",
    "size": "512 MB for an upload",
    "compression": "Compress scripts, but no page",
    "paths": "Pass on encoded paths unchanged",
    "events": "Pass on the stream of events at once",
    "rules": "No rules for the whole host from a user's program",
    "log": "A log without queries",
}
NOTHING = "by itself"


def cell(words):
    """What stands in the table for a part: code, or a sentence."""
    return words if words.endswith(".") else f"`{words}`" if words else NOTHING


def cannot(facts, indent=""):
    """What a reverse proxy does not do, a list."""
    return "\n".join(f"{indent}- {words}" for words in facts["cannot"].values())


class Proxies(FromFile):
    required_arguments, optional_arguments = 1, 1

    def run(self):
        what = self.one_of(("which", "cannot", "parts"))
        further, debian = self.manifest["further_proxies"], self.manifest["debian"]
        every = self.manifest["proxies"] | further
        for name in every:
            self.env.note_dependency(f"snippets/{name}/{manifest.FACTS}")
        self.env.note_dependency(f"snippets/{manifest.MANIFEST}")
        if what == "cannot":
            return self.parse_text_to_nodes(cannot(further[self.one_of(further, 1)]))
        if what == "which":
            told = []
            for name, facts in further.items():
                tried = " and ".join(f"Debian {debian[suite]}" for suite in facts["servers"])
                said = f"Tested on {tried}." + (f" What it does not do:\n\n{cannot(facts, '  ')}" if facts["cannot"] else "")
                told.append(f"[{facts['label']}]({name}.md)\n: {said}\n")
            return self.parse_text_to_nodes("\n".join(told))
        head = ["What it has to do", *(facts["label"] for facts in every.values())]
        rows = [[words, *(cell(facts["parts"][part]) for facts in every.values())] for part, words in PARTS.items()]
        made = self.parse_text_to_nodes(table(head, rows))
        # Wider than a page's text: see _static/site.css.
        made[0]["classes"].append("parts")
        return made


def setup(app):
    app.add_directive("proxies", Proxies)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
