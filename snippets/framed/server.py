# The end of /etc/jupyter/jupyter_server_config.py: the platform's pages may show users' servers too.
c = get_config()
framing = "frame-ancestors 'self' https://lms.example.org"
c.ServerApp.tornado_settings["headers"] = {"Content-Security-Policy": framing}
# The editor of %jigsaw is a frame within the frame. Its sandbox stays.
c.ContentsManager.files_handler_class.content_security_policy = f"{framing}; sandbox allow-scripts"
