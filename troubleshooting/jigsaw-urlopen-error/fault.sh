# Without the editor of this guide, MetaKernel's own %jigsaw runs.
rm /opt/jupyterhub/lib/python3*/site-packages/jigsaw_magic.py
