# A user's own file comes after the published one: Jupyter's own class for a kernel's WebSocket, and its own check.
c = get_config()
c.ServerApp.kernel_websocket_connection_class = "jupyter_server.services.kernels.connection.channels.ZMQChannelsWebsocketConnection"
c.ServerApp.tornado_settings = {}
