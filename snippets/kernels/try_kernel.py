"""Tries a kernel as a notebook would: python try_kernel.py NAME CODE ANSWER

Run it with the Python that runs the users' servers. CODE is a cell, ANSWER a word that it prints or returns.
"""

import sys

from jupyter_client.kernelspec import NoSuchKernel
from jupyter_client.manager import start_new_kernel

if len(sys.argv) != 4:
    sys.exit("Usage: python try_kernel.py NAME CODE ANSWER")
name, code, answer = sys.argv[1:]
try:
    manager, client = start_new_kernel(kernel_name=name, startup_timeout=60)
except NoSuchKernel:
    sys.exit(f"No server finds a kernel of the name {name}.")


def run(cell):
    """What a cell prints and returns, and its status."""
    said = []

    def hear(message):
        content = message["content"]
        said.append(content.get("text", "") + content.get("data", {}).get("text/plain", ""))

    reply = client.execute_interactive(cell, timeout=60, allow_stdin=False, output_hook=hear)
    return "".join(said), reply["content"]["status"]


try:
    said, status = run(code)
    computes = answer in said
    print(f"computes: {said.strip()} ({status})")
    # An interrupt ends what was running, and the kernel still answers.
    manager.interrupt_kernel()
    answers = answer in run(code)[0]
    print("after an interrupt:", "answers" if answers else "does not answer")
finally:
    manager.shutdown_kernel(now=True)
sys.exit(not (computes and answers))
