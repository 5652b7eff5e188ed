"""Makes a conda channel, and environments from it.

    channel.py make                     the channel, from Debian's Python, the wheels in WHEELS and what lies in HUB
    channel.py create PREFIX SPEC...    an environment from it, as `conda create --prefix` makes one
    channel.py activate PREFIX          the script by which a shell activates it, as `conda activate` does

No channel can be reached from a test. What is made from this one is a real environment of packages that are linked into a prefix,
with their records in conda-meta. Its Python is Debian's, and its packages are the wheels that pip would install.
"""

import asyncio
import json
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import rattler
import rattler_build
from rattler.index import index_fs
from rattler.shell import ActivationVariables, Shell, activate
from whl2conda.api import converter as whl2conda

CHANNEL, WHEELS, HUB = Path("/opt/channel"), Path("/opt/channel-wheels"), Path("/opt/jupyterhub")
SUBDIR = "linux-64"
VERSION = platform.python_version()
SHORT = VERSION.rpartition(".")[0]
# Where conda-forge has another name for a package of PyPI's, whl2conda asks for that one.
ASKED = {"python-fastjsonschema": "fastjsonschema", "python-tzdata": "tzdata"}
# whl2conda leaves out what only some systems need, of packages that are the same for all.
NEEDED_HERE = {"jupyterhub": ["pamela"], "terminado": ["ptyprocess"], "ipython": ["pexpect"]}
# A stand-in for a package whose program and data are found only where the environment is activated: conda-forge's libgdal sets the same.
TOOL = {
    "bin/gdalinfo": '#!/bin/sh\ncat "$GDAL_DATA/stand-in"\n',
    "share/gdal/stand-in": "data of the environment\n",
    "etc/conda/activate.d/libgdal.sh": 'export GDAL_DATA="$CONDA_PREFIX/share/gdal"\n',
    "etc/conda/deactivate.d/libgdal.sh": "unset GDAL_DATA\n",
}


@contextmanager
def package(name: str, version: str, build: str = "0", depends: list[str] | None = None) -> Iterator[Path]:
    """A package of the channel's, of what is put into a folder for the length of a `with` block."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
        rattler_build.assemble_package(
            name, version, SUBDIR, build, CHANNEL / SUBDIR, files_dir=folder, depends=depends, compression_level=1
        )


def debians_python(prefix: Path) -> None:
    """Debian's Python without what Debian changes: it is its own prefix, and looks for packages in site-packages below it."""
    library = prefix / f"lib/python{SHORT}"
    shutil.copytree(f"/usr/lib/python{SHORT}", library, ignore=shutil.ignore_patterns("__pycache__", "EXTERNALLY-MANAGED", "dist-packages"))
    (library / "site-packages").mkdir()
    (library / "site-packages/README.txt").write_text("Packages go here.\n")
    # Of its two modules that know of Debian's folders, one is compiled into the program: that one is told afterwards.
    (library / "sitecustomize.py").unlink()
    (library / "sitecustomize.py").write_text(
        "import site, sys\n\nsite.addsitedir('%s/lib/python%d.%d/site-packages' % (sys.prefix, *sys.version_info[:2]))\n"
    )
    schemes, old = library / "sysconfig/__init__.py", "prefix_scheme = 'posix_local'"
    text = schemes.read_text("utf-8")
    if old not in text:
        raise SystemExit(f"Debian's Python has no {old}")
    schemes.write_text(text.replace(old, "prefix_scheme = 'posix_prefix'"), "utf-8")
    (prefix / "bin").mkdir()
    shutil.copy(f"/usr/bin/python{SHORT}", prefix / "bin")
    for name in ("python", "python3"):
        (prefix / "bin" / name).symlink_to(f"python{SHORT}")


def make() -> None:
    for subdir in (SUBDIR, "noarch"):
        (CHANNEL / subdir).mkdir(parents=True)
    with package("python", VERSION, "0_debian") as folder:
        debians_python(folder)
    with package("python_abi", SHORT, f"0_cp{SHORT.replace('.', '')}", [f"python {SHORT}.*"]) as folder:
        (folder / "python_abi").write_text("")
    with package("nodejs", "22") as folder:
        (folder / "bin").mkdir()
        shutil.copy((HUB / "bin/node").resolve(), folder / "bin/node")
    with package("configurable-http-proxy", "5", depends=["nodejs"]) as folder:
        place = "lib/node_modules/configurable-http-proxy"
        shutil.copytree(HUB / place, folder / place, symlinks=True)
        (folder / "bin").mkdir()
        (folder / "bin/configurable-http-proxy").symlink_to(f"../{place}/bin/configurable-http-proxy")
    with package("libgdal", "3") as folder:
        for name, text in TOOL.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        (folder / "bin/gdalinfo").chmod(0o755)
    # It would press each package as for a channel of the world's, which takes minutes.
    whl2conda.create_conda_pkg = partial(whl2conda.create_conda_pkg, compression_level=1)
    for wheel in sorted(WHEELS.glob("*.whl")):
        converter = whl2conda.Wheel2CondaConverter(wheel, CHANNEL)
        converter.allow_impure = True
        converter.convert_all()
    asyncio.run(index_fs(CHANNEL, write_zst=False, write_shards=False))
    # conda-forge mends its packages' dependencies in the same place.
    for subdir in (SUBDIR, "noarch"):
        index = CHANNEL / subdir / "repodata.json"
        data = json.loads(index.read_text("utf-8"))
        for record in data["packages.conda"].values():
            record["depends"] = [named(one) for one in record["depends"]] + NEEDED_HERE.get(record["name"], [])
        index.write_text(json.dumps(data), "utf-8")


def named(dependency: str) -> str:
    """A dependency by the name that its package has here."""
    name, *rest = dependency.split(" ", 1)
    return " ".join([name if name == "python_abi" else ASKED.get(name, name).replace("_", "-"), *rest])


async def create(prefix: str, *specs: str) -> None:
    records = await rattler.solve([CHANNEL.as_uri()], [f"python {SHORT}.*", *specs], virtual_packages=rattler.VirtualPackage.detect())
    await rattler.install(records, prefix, show_progress=False)


def script(prefix: str) -> str:
    return activate(Path(prefix), ActivationVariables(current_path=["/usr/local/bin", "/usr/bin", "/bin"]), Shell.bash).script


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make"]:
            make()
        case ["create", prefix, *specs]:
            asyncio.run(create(prefix, *specs))
        case ["activate", prefix]:
            print(script(prefix))
