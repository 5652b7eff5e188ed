kill "$(cat /run/other.pid)"
