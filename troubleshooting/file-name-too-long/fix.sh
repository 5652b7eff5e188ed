cat >>/etc/jupyter/jupyter_server_config.py <<'END'
if len(os.fsencode(jupyter_runtime_dir())) > 57:
    os.environ["JUPYTER_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="jupyter-")
END
