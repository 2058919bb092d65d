# SPDX-License-Identifier: MIT
"""What the blocks of a lecture need, for tests/lectures.py: programs, backends, Python's modules; where they are, and
why a block is left out."""
import os
import re
import shutil
import subprocess

from harness import Failure, missing, skip

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def path_of(build):
    """The paths of the plain names in a lecture."""
    build = os.path.abspath(build)
    folders = [os.path.join("docs", "lectures", name) for name in ("naive", "labs")]
    return os.pathsep.join([build] + [os.path.join(root, folder) for folder in folders
                                      for root in (build, SOURCE)] +
                           [os.environ.get("PATH", os.defpath)])


def packages_of(build):
    """PYTHONPATH: where the Python package is before it is installed."""
    return os.path.join(os.path.abspath(build), "src", "python")


def lacks(python, modules, packages):
    """The last line of the error with which this Python cannot import one of them; None if it can."""
    done = subprocess.run([python, "-c", "import " + ", ".join(modules)], stdin=subprocess.DEVNULL, check=False,
                          env=dict(os.environ, PYTHONPATH=packages), stderr=subprocess.PIPE, universal_newlines=True)
    return done.stderr.strip().splitlines()[-1] if done.returncode else None


def prefer_python_with_tornado(path, folder):
    """The path with Debian's Python first, if it has Tornado and the one that comes first now has not."""
    first, debian = shutil.which("python3", path=path), "/usr/bin/python3"
    if not first or not os.path.exists(debian) or not lacks(first, ["tornado"], "") or lacks(debian, ["tornado"], ""):
        return path
    os.mkdir(folder)
    os.symlink(debian, os.path.join(folder, "python3"))
    return folder + os.pathsep + path


def availability(path):
    """{backend: "available", or why it is not}, as the server prints it."""
    server = shutil.which("server", path=path)
    if not server:
        raise Failure("cannot tell which backends there are: no server (build it, or give --build=DIR)")
    listing = subprocess.run([server, "--list-backends"], stdin=subprocess.DEVNULL, check=True,
                             stdout=subprocess.PIPE).stdout.decode()
    # Columns are two spaces apart: a reason contains single ones.
    rows = [re.split(r" {2,}", line) for line in listing.splitlines()[1:]]
    return {row[0]: row[2] for row in rows}


def skip_without(block, path, packages):
    absent = [name for name in block.needs if not shutil.which(name, path=path)]
    if absent:
        missing(", ".join(absent))
    if block.modules:
        why = lacks(shutil.which("python3", path=path), block.modules, packages)
        if why:
            missing(why)
    there = availability(path) if block.backends else {}
    for name in block.backends:
        if name not in there:
            raise Failure("needs-backend: the server knows no %s" % name)
        if not there[name].startswith("available"):
            skip("needs %s, not here: %s" % (name, re.sub("^no: ", "", there[name])))
