# SPDX-License-Identifier: Apache-2.0
"""What the tests of faults share: where things are, what a run leaves, other users."""

import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.abspath(os.environ.get("AF2_SRCDIR") or os.path.join(HERE, "..", ".."))
BUILD = os.path.abspath(os.environ.get("AF2_BUILDDIR") or os.path.join(SOURCE, "build"))
NOBODY = 65534
AS_NOBODY = {"user": NOBODY, "group": NOBODY, "extra_groups": []}


def environment(room, **more):
    """For af2flow: nothing of the person's own settings."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": room, "TMPDIR": room,
            "XDG_CACHE_HOME": os.path.join(room, "cache"),
            "XDG_CONFIG_HOME": os.path.join(room, "config"),
            "AF2FLOW_HOST": os.path.join(BUILD, "af2flow-host"),
            "AF2FLOW_PLUGIN_PATH": os.path.join(BUILD, "plugins", ".libs"), **more}


def tree_of(folder):
    """{path: content, or -> target, or None for a folder} of what is below `folder`."""
    found = {}
    for top, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(top, name)
            short = os.path.relpath(path, folder)
            if os.path.islink(path):
                found[short] = "-> " + os.readlink(path)
            elif os.path.isdir(path):
                found[short] = None
            else:
                with open(path, "rb") as file:
                    found[short] = file.read()
    return found


def results_of(work):
    """What is published, without the note of it, which is in order of publication."""
    found = tree_of(os.path.join(work, "r", "results"))
    found.pop(".published", None)
    return found


def objects_of(work):
    """What stands in the store, without the stories of how it was made."""
    found = tree_of(os.path.join(work, "s", "objects"))
    return {path: content for path, content in found.items()
            if not path.endswith("/result.json") and len(path) > 2}


def can_be_nobody():
    """Can we become a user without rights who may run the build?"""
    if os.geteuid() != 0:
        return False
    program = os.path.join(BUILD, "af2flow")
    try:
        return subprocess.run(["test", "-x", program], check=False, **AS_NOBODY).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False
