cat >>/etc/jupyter/jupyter_server_config.py <<'END'
if len(os.fsencode(jupyter_runtime_dir())) > 57:
    os.environ["JUPYTER_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="jupyter-")
    # Debian 13 clears /tmp of what is ten days old, but not a folder that is locked.
    fcntl.flock(os.open(os.environ["JUPYTER_RUNTIME_DIR"], os.O_RDONLY), fcntl.LOCK_SH)
END
