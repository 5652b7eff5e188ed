#!/bin/sh
# Checks the configuration, then makes the running nginx read it. Run as root.
set -eu
nginx -t
nginx -s reload
