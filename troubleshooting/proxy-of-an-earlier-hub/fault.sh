# The proxy of a hub that was ended without its proxy.
CONFIGPROXY_AUTH_TOKEN=of-an-earlier-run configurable-http-proxy --ip 127.0.0.1 --port 800 \
  --api-ip 127.0.0.1 --api-port 801 >/dev/null 2>&1 &
sleep 2
