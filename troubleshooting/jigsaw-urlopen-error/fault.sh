# Without the editor of this guide, MetaKernel's own %jigsaw runs.
mv /opt/jupyterhub/lib/python3.11/site-packages/jigsaw_magic.py /root/jigsaw_magic.py
