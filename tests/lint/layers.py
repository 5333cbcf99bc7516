#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The engine's layers: no include upward, no include cycle, each third-party header in the one
module that is named for it, nothing of the engine in a plugin, nothing unlisted in local.mk."""

import os
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = os.environ.get("AF2_SRCDIR") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Each layer may include those before it. The host is a program beside the engine: it uses what
# both sides speak of, and nothing includes it.
LAYERS = ["base", "model", "sched", "record", "exec", "run", "view", "cli"]
HOST_MAY = {"base", "model", "exec", "host"}

# Third-party header -> the only files that may include it.
OWNERS = {
    r"graphviz/cgraph\.h": {"engine/model/dot_read.c"},
    r"graphviz/gvc\.h": {"engine/view/graph_draw.c"},
    r"hwloc(\.h|/.*)": {"engine/sched/machine", "engine/host/bind"},
    r"ini\.h": {"engine/base/ini.c"},
    r"jansson\.h": {"engine/base/json.c"},
    r"openssl/.*": {"engine/base/digest.c"},
    r"uv\.h": {"engine/base/loop.c"},
}
# graph_draw needs cgraph's types too: gvc.h brings them.
THIRD_PARTY = re.compile(r"(graphviz|cgraph|cdt|gvc|hwloc|ini|INIReader|jansson|openssl|uv)\b")
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)


def sources(root, folder):
    for where, folders, files in os.walk(os.path.join(root, folder)):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in sorted(files):
            if name.endswith((".c", ".h")):
                yield os.path.relpath(os.path.join(where, name), root)


def includes(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as f:
        return INCLUDE.findall(f.read())


def layer(path):
    return path.split("/")[1]


def upward(root):
    """Includes of a layer to the right, and of anything that is not in the engine."""
    found = []
    for path in sources(root, "engine"):
        mine = layer(path)
        if mine == "include":
            continue
        for quote, name in includes(root, path):
            if quote == "<":
                continue
            theirs = name.split("/")[0]
            if name == "af2flow/plugin.h":
                continue
            if "/" not in name or not os.path.exists(os.path.join(root, "engine", name)):
                found.append("%s: include of '%s': write it as layer/file.h" % (path, name))
            elif mine == "host":
                if theirs not in HOST_MAY:
                    found.append("%s: the host may not include %s" % (path, name))
            elif theirs not in LAYERS or LAYERS.index(theirs) > LAYERS.index(mine):
                found.append("%s: %s may not include %s" % (path, mine, name))
    return found


def cycles(root):
    graph = {}
    for path in sources(root, "engine"):
        graph[path] = ["engine/" + n for q, n in includes(root, path) if q == '"']
    found, done = [], set()

    def visit(path, trail):
        if path in trail:
            found.append("include cycle: " + " -> ".join(trail[trail.index(path):] + [path]))
        elif path not in done and path in graph:
            for name in graph[path]:
                visit(name, trail + [path])
            done.add(path)

    for path in sorted(graph):
        visit(path, [])
    return found


def third_party(root):
    found = []
    for folder in ("engine", "plugins"):
        for path in sources(root, folder):
            for quote, name in includes(root, path):
                if quote != "<" or not THIRD_PARTY.match(name):
                    continue
                owners = next((o for p, o in OWNERS.items() if re.fullmatch(p, name)), set())
                if not any(path == o or (not o.endswith(".c") and path.startswith(o))
                           for o in owners):
                    found.append("%s: <%s> belongs to %s alone"
                                 % (path, name, " and ".join(sorted(owners)) or "nobody"))
    return found


def plugins(root):
    """A plugin sees the public interface and its own helpers only."""
    found = []
    for path in sources(root, "plugins"):
        for quote, name in includes(root, path):
            own = os.path.exists(os.path.join(root, "plugins", name)) or \
                os.path.exists(os.path.join(root, os.path.dirname(path), name))
            if quote == '"' and not own and name != "af2flow/plugin.h":
                found.append("%s: a plugin may not include %s" % (path, name))
            if quote == "<" and os.path.exists(os.path.join(root, "engine", name)):
                found.append("%s: a plugin may not include %s" % (path, name))
    return found


def unlisted(root):
    with open(os.path.join(root, "plugins/local.mk"), encoding="utf-8") as f:
        words = set(f.read().replace("\\", " ").split())
    found = ["plugins/local.mk: %s is missing" % p for p in sources(root, "plugins")
             if p not in words]
    tool = os.path.join(root, "build-aux/update-lists")
    check = subprocess.run([sys.executable, tool, "--check"], stdout=subprocess.PIPE, text=True)
    return found + check.stdout.splitlines()


class Layers(unittest.TestCase):
    def assert_none(self, found):
        self.assertEqual([], found, "\n" + "\n".join(found))

    def test_no_include_upward(self):
        self.assert_none(upward(ROOT))

    def test_no_include_cycle(self):
        self.assert_none(cycles(ROOT))

    def test_third_party_headers_have_one_owner(self):
        self.assert_none(third_party(ROOT))

    def test_plugins_see_the_interface_only(self):
        self.assert_none(plugins(ROOT))

    def test_every_source_is_listed(self):
        self.assert_none(unlisted(ROOT))


class TheCheckItself(unittest.TestCase):
    """Each check finds what it is for, in a small tree made to offend."""

    def tree(self, files):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for name, text in files.items():
            path = os.path.join(folder.name, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
        return folder.name

    def test_upward(self):
        root = self.tree({"engine/base/a.c": '#include "sched/s.h"\n',
                          "engine/sched/s.h": '#include "base/b.h"\n',
                          "engine/base/b.h": "",
                          "engine/host/h.c": '#include "sched/s.h"\n'})
        self.assertEqual(["engine/base/a.c: base may not include sched/s.h",
                          "engine/host/h.c: the host may not include sched/s.h"],
                         upward(root))

    def test_plain_names(self):
        root = self.tree({"engine/base/a.c": '#include "b.h"\n', "engine/base/b.h": ""})
        self.assertEqual(1, len(upward(root)))

    def test_cycle(self):
        root = self.tree({"engine/base/a.h": '#include "base/b.h"\n',
                          "engine/base/b.h": '#include "base/a.h"\n'})
        self.assertEqual(1, len(cycles(root)))

    def test_third_party(self):
        root = self.tree({"engine/base/loop.c": "#include <uv.h>\n#include <uv/unix.h>\n",
                          "engine/exec/x.c": "#include <uv.h>\n# include <openssl/evp.h>\n",
                          "plugins/x.c": "#include <jansson.h>\n"})
        self.assertEqual(4, len(third_party(root)))

    def test_plugin(self):
        root = self.tree({"plugins/x.c": '#include "base/str.h"\n#include <af2flow/plugin.h>\n'
                                         '#include "common/a.h"\n',
                          "plugins/common/a.h": "", "engine/base/str.h": ""})
        self.assertEqual(["plugins/x.c: a plugin may not include base/str.h"], plugins(root))


if __name__ == "__main__":
    unittest.main()
