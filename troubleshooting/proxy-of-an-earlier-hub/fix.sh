pkill --full configurable-http-proxy
