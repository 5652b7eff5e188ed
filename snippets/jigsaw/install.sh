#!/bin/sh
# Installs the block editor of %jigsaw for every MetaKernel-based kernel of an environment. Run it as
# root, in the folder that holds Python.html. Without internet, put blockly-13.3.0.tgz beside it first.
set -eu
umask 022

environment=/opt/jupyterhub
share=$environment/share/jigsaw

# Blockly comes from npm, in the release that Python.html is written for. If npm is interrupted,
# the incomplete file stays in download/, and the next run overwrites it.
PATH="$environment/bin:$PATH"
if [ ! -e blockly-13.3.0.tgz ]; then
    mkdir -p download
    npm pack --loglevel=error --pack-destination download blockly@13.3.0 >/dev/null
    mv download/blockly-13.3.0.tgz .
fi
sha512sum --check --quiet <<'END'
a801c518c193485ebb2eea6bde98d9cfd2d0bb824215d37be82319c5e8012a2bde66b78ad3cc9785a0b3d20f6af7fc5ee4611da1e153dcf3809506af3c844f13  blockly-13.3.0.tgz
END

# What is in static/ is sent to every browser that asks for it: see jupyter_server_config.py.
install -d "$share/static/blockly"
tar --extract --file blockly-13.3.0.tgz --directory "$share/static/blockly" --strip-components 1 \
  package/blockly.min.js package/python_compressed.js package/media package/LICENSE
install -m 0644 Python.html listener.js "$share"

# A magic of this name in the environment itself replaces MetaKernel's own.
install -m 0644 jigsaw_magic.py "$("$environment/bin/python" -I -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
echo "installed the block editor into $share"
