"""Fetches one pinned file of a published package by its registry's ordinary client, and verifies it.

A source is a table of a manifest: `client`, `name`, `version`, the `file` that is kept, and its `sha256`. With apt,
`path` names the one file that is taken out of the package; without it the package itself is kept. With pip, `backend`
names the build backend of a source distribution that does not use setuptools.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from cassette import Refused

CLIENT_SECONDS = 600  # a client that has said nothing for so long is stuck
SAID = 1500  # how much of a failed client's output an error repeats

# pip asks a source distribution for its metadata, which runs its build. With this in place of the build backend,
# pip downloads the file and no code of the package runs, nor is a build dependency fetched.
NO_BUILD = """
import os, sys
def prepare_metadata_for_build_wheel(directory, config_settings=None):
    name = {name!r}.replace("-", "_") + "-" + {version!r} + ".dist-info"
    os.mkdir(os.path.join(directory, name))
    with open(os.path.join(directory, name, "METADATA"), "w") as out:
        out.write("Metadata-Version: 2.1\\nName: " + {name!r} + "\\nVersion: " + {version!r} + "\\n")
    return name
__legacy__ = sys.modules[__name__]
"""


def digest(path):
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def run(command, cwd, **environ):
    """(whether it succeeded, what it said). Clients speak English here, so that an error can be recognised."""
    environ = {**os.environ, "LC_ALL": "C", **environ}
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=CLIENT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return False, f"no answer within {CLIENT_SECONDS} s"
    except OSError as error:
        return False, str(error)
    return done.returncode == 0, done.stdout.decode(errors="replace").strip()


def needs(program, install):
    if not (found := shutil.which(program)):
        raise Refused(f"{program} is not installed: {install}")
    return found


def by_pip(source, room):
    for pip in ([sys.executable, "-m", "pip"], ["pip3"], ["pip"]):
        if run([*pip, "--version"], room)[0]:
            break
    else:
        raise Refused("pip is not installed: `python3 -m ensurepip`, or `apt-get install python3-pip`")
    *packages, module = source.get("backend", "setuptools.build_meta").split(".")
    stand_in = room / "no-build"
    backend = stand_in.joinpath(*packages)
    backend.mkdir(parents=True)
    for package in [backend, *backend.parents[: len(packages) - 1]]:
        (package / "__init__.py").write_text("")
    (backend / f"{module}.py").write_text(NO_BUILD.format(**source))
    command = [
        *pip,
        "download",
        "--no-deps",
        "--no-binary",
        source["name"],
        "--no-build-isolation",
        "--use-pep517",
        "--dest",
        str(room),
        f"{source['name']}=={source['version']}",
    ]
    return run(command, room, PYTHONPATH=str(stand_in), PIP_REQUIRE_VIRTUALENV="0", SETUPTOOLS_USE_DISTUTILS="stdlib")


def by_npm(source, room):
    npm = needs("npm", "it comes with Node.js (`apt-get install npm`)")
    return run([npm, "pack", "--ignore-scripts", f"{source['name']}@{source['version']}"], room)


def by_apt(source, room):
    apt = needs(
        "apt-get",
        "it comes with Debian and its derivatives. Elsewhere, take the package from a Debian mirror"
        + (f" and unpack its {source['path']}" if "path" in source else ""),
    )
    unpack = needs("dpkg-deb", "`apt-get install dpkg`") if "path" in source else None
    download = [apt, "download", source["name"]]
    got, said = run(download, room)
    if not got and os.geteuid() == 0:
        print(f"{source['name']}: not in the package lists as they are; running apt-get update", flush=True)
        updated, update_said = run([apt, "update"], room)
        got, said = run(download, room) if updated else (False, f"{said}\napt-get update: {update_said}")
    if not got:
        return False, f"{said}\n(if the package lists are missing or out of date: `sudo apt-get update`, then again)"
    if not unpack:
        return True, said
    for package in room.glob("*.deb"):
        got, said = run([unpack, "-x", str(package), str(room / "unpacked")], room)
    if got and (room / "unpacked" / source["path"]).is_file():
        shutil.copyfile(room / "unpacked" / source["path"], room / source["file"])
        return True, said
    return False, f"{said}\nthe package holds no {source['path']}"


def by_cargo(source, room):
    cargo = needs("cargo", "https://rustup.rs, or `apt-get install cargo`")
    home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    # What tells about a crate downloads it, alone, and leaves the file among the downloads.
    got, said = run([cargo, "info", "--quiet", f"{source['name']}@{source['version']}"], room)
    for kept in home.glob(f"registry/cache/*/{source['file']}"):
        shutil.copyfile(kept, room / source["file"])
        return True, said
    return False, said if not got else f"{said}\n{source['file']} is not among the downloads of {home}"


CLIENTS = {"pip": by_pip, "npm": by_npm, "apt": by_apt, "cargo": by_cargo}


def brought(source, cache):
    """The path of the source's file in the cache: downloaded unless it is there, and always verified."""
    kept = cache / source["file"]
    if kept.is_file():
        if digest(kept) == source["sha256"]:
            return kept
        raise Refused(f"{kept} is not what manifest.toml names (sha256 {digest(kept)}): delete it, then run this again")
    with tempfile.TemporaryDirectory(dir=cache, prefix="bring-") as room:
        try:
            got, said = CLIENTS[source["client"]](source, Path(room))
        except Refused as missing:
            got, said = False, str(missing)
        file = Path(room) / source["file"]
        if not got or not file.is_file():
            raise Refused(
                f"{source['client']} did not bring {source['name']} {source['version']}:\n{said[-SAID:]}\n"
                f"It is needed once. By hand: put {source['file']} (sha256 {source['sha256']}) into {cache}"
            )
        if digest(file) != source["sha256"]:
            raise Refused(
                f"{source['name']}: {source['file']} has sha256 {digest(file)}, manifest.toml wants "
                f"{source['sha256']}. Upstream changed it: look at the new file, then put its version, "
                "sha256 and record count into manifest.toml; or put the old file into " + str(cache)
            )
        file.replace(kept)
    return kept
