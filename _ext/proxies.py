"""The further reverse proxies, from what is known of them (snippets/NAME/proxy.toml).

- `{proxies} which`: a table of them: the page of each, where it was tried, and what it does not do.
- `{proxies} cannot NAME`: what one of them does not do, a list.
"""

from pathlib import Path

from atlas import FromFile

from _ext import manifest


class Proxies(FromFile):
    required_arguments, optional_arguments = 1, 1

    def run(self):
        table = manifest.read(Path(self.env.srcdir) / "snippets")
        further, debian = table["further_proxies"], table["debian"]
        for name in further:
            self.env.note_dependency(f"snippets/{name}/{manifest.FACTS}")
        self.env.note_dependency(f"snippets/{manifest.MANIFEST}")
        what, *names = self.arguments
        if what == "cannot":
            return self.parse_text_to_nodes("\n".join(f"- {words}" for words in further[names[0]]["cannot"].values()))
        rows = [
            f"| [{facts['label']}]({name}.md) | {' and '.join(f'Debian {debian[suite]}' for suite in facts['servers'])} | "
            f"{' '.join(facts['cannot'].values()) or '—'} |"
            for name, facts in further.items()
        ]
        return self.parse_text_to_nodes("\n".join(["| Reverse proxy | Tried on | What it does not do |", "|---|---|---|", *rows]))


def setup(app):
    app.add_directive("proxies", Proxies)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
