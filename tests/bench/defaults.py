# A user's own file comes after the published one: Jupyter Server's own class for a kernel's WebSocket.
c = get_config()
c.ServerApp.kernel_websocket_connection_class = "jupyter_server.services.kernels.connection.channels.ZMQChannelsWebsocketConnection"
