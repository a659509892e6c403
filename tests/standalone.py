#!/usr/bin/env python3
"""Checks that no file of the repository points outside of it: what is cloned must be all there is.

Usage: standalone.py [ROOT]. Prints each offence as file:line and exits 1 if there is one.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

# Folders of one machine, or siblings of the checkout. Written in pieces, so that this file may be checked too.
OUTSIDE = re.compile("|".join(
    (r"(?<![\w.-])/wo" r"rk/", r"\.\./sha" r"red\b", r"(?<![\w.-])/(home|Us" r"ers)/[a-z]", r"(?<![\w.-])/ro" r"ot/")))
BUILT = re.compile(r"^(build.*|node_modules|\.git|\.cache|\.ccache)$")


def files(root):
    """What git tracks or would add; without git, everything but build folders."""
    if shutil.which("git") and (root / ".git").exists():
        listed = subprocess.run(["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                                capture_output=True, check=True)
        return [root / name for name in listed.stdout.decode().split("\0") if name]
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not BUILT.match(name)]
        found += [pathlib.Path(folder) / name for name in names]
    return found


def offences(root):
    for path in files(root):
        where = path.relative_to(root)
        if path.is_symlink():
            if not path.resolve().is_relative_to(root.resolve()):
                yield f"{where}: links to {os.readlink(path)}"
            continue
        if not path.is_file():
            continue
        data = path.read_bytes()
        if b"\0" in data:
            continue
        for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
            if OUTSIDE.search(line):
                yield f"{where}:{number}: {line.strip()[:120]}"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent)
    found = list(offences(root))
    print("\n".join(found) or "nothing points outside of the repository")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
