"""The two packages from PyPI that the check needs. --help and --log need neither."""

LACKING = ""
requests = websocket = None
try:
    import requests
    import websocket
except ImportError as missing:
    LACKING = missing.name or str(missing)
