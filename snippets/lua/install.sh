#!/bin/sh
# Adds Lua to %jigsaw: the editor's page Lua.html, and the kernel Lua, which runs what its blocks make. Run it as root, in the
# folder that holds Lua.diff, on a server that has the block editor. It is safe to run twice.
set -eu
umask 022

environment=/opt/jupyterhub
share=$environment/share/jigsaw
editor=/root/jigsaw

# The engine is a library, so no program has to be installed for it. pip comes first: without it nothing is changed.
"$environment/bin/pip" install lupa==2.8

# The page is the one for Python with the changes in Lua.diff. If your page differs, patch says so, and nothing is installed.
patch --fuzz 0 --output Lua.html "$editor/Python.html" Lua.diff

# Blockly's generator of Lua is in the package that was put beside the editor when it was installed.
tar --extract --file "$editor/blockly-13.3.0.tgz" --directory "$share/static/blockly" --strip-components 1 package/lua_compressed.js
install -m 0644 Lua.html "$share"

install -m 0644 lua_metakernel.py "$("$environment/bin/python" -I -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
"$environment/bin/python" -m lua_metakernel install --sys-prefix
"$environment/bin/jupyter" kernelspec list
