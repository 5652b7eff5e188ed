# Another program listens where the hub wants to.
cd /tmp
python3 -m http.server --bind 127.0.0.1 800 >/dev/null 2>&1 &
echo $! >/run/other.pid
sleep 1
