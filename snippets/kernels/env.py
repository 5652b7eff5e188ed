"""Sets variables in the environment of one kernel: python env.py NAME VARIABLE=VALUE...

Run it as root, with the Python that runs the users' servers.
"""

import json
import sys
from pathlib import Path

name, *settings = sys.argv[1:] or ["NAME"]
# When a kernel starts, the files of a login shell, such as those in /etc/profile.d, are not read. What its kernelspec says is always set.
specs = [Path(prefix, "share/jupyter/kernels", name, "kernel.json") for prefix in (sys.prefix, "/usr/local")]
# Of two kernels with one name, users' servers take the first.
spec = next((spec for spec in specs if spec.exists()), None)
if spec is None:
    sys.exit(f"No kernel has the name {name}: there is no {specs[0]} and no {specs[1]}")
if not settings or not all(setting.partition("=")[0] and "=" in setting for setting in settings):
    sys.exit("Usage: python env.py NAME VARIABLE=VALUE...")
content = json.loads(spec.read_text("utf-8"))
content.setdefault("env", {}).update(setting.split("=", 1) for setting in settings)
spec.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
print(spec, json.dumps(content["env"]))
