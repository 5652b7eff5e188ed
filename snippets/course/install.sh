#!/bin/sh
# Makes the environment of the course, apart from the hub's own, or brings it up to date. Run
# it as root, in the folder that holds requirements.txt.
set -eu

# Users' kernels run from here, so users must be able to read it.
umask 022

python3 -m venv /opt/course
# Also what these packages need is brought up to date.
/opt/course/bin/pip install --upgrade --upgrade-strategy eager -r requirements.txt
# The name in the launcher. Below /usr/local every user's server finds it.
/opt/course/bin/python -m ipykernel install --prefix /usr/local --name course --display-name Course
