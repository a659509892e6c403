#!/usr/bin/env python3
"""Checks the checkers: layering.py and standalone.py each find what they are for, and only that."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).parent


def check(script, **files):
    """Runs the script on a tree of these files and returns its exit code and what it printed."""
    with tempfile.TemporaryDirectory() as root:
        for name, text in files.items():
            path = pathlib.Path(root, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        done = subprocess.run([sys.executable, HERE / script, root], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout


class Layering(unittest.TestCase):
    def refused(self, expected, **files):
        headers = {f"{folder}/x.hpp": "" for folder in ("protocol", "io", "config", "actors", "cli")}
        code, out = check("layering.py", **{**headers, **files})
        self.assertEqual(code, 1, out)
        self.assertIn(expected, out)
        self.assertEqual(len(out.splitlines()), 1, out)

    def test_every_arrow_that_is_not_drawn_is_found(self):
        for source, targets in (("protocol", "io config actors cli"), ("io", "protocol config actors cli"),
                                ("config", "protocol io actors cli"), ("actors", "cli")):
            for target in targets.split():
                self.refused(f"{source}/y.cpp:2: {source}/ must not include {target}/x.hpp",
                             **{f"{source}/y.cpp": f'\n#include "{target}/x.hpp"\n'})

    def test_an_impure_header_in_protocol_is_found(self):
        for header in ("boost/asio.hpp", "caf/all.hpp", "spdlog/spdlog.h", "thread", "sys/socket.h", "unistd.h"):
            self.refused(f"<{header}>", **{"protocol/y.hpp": f"#include <{header}>\n"})

    def test_a_clock_in_protocol_is_found_even_after_a_comment(self):
        self.refused("protocol/y.cpp:2: protocol/ is pure and must not use steady_clock",
                     **{"protocol/y.cpp": "/* \n */ auto t = std::chrono::steady_clock::now();\n"})

    def test_an_include_that_is_not_from_the_root_is_found(self):
        self.refused("not written from the root", **{"io/y.cpp": '#include "x.hpp"\n'})

    def test_what_is_allowed_passes(self):
        code, out = check("layering.py", **{
            "protocol/x.hpp": "#include <chrono>\n// steady_clock is for others\n",
            "protocol/y.cpp": '#include "protocol/x.hpp"\nauto s = "socket";\n',
            "io/x.hpp": "#include <thread>\n",
            "actors/x.hpp": '#include "protocol/x.hpp"\n#include "io/x.hpp"\n',
            "cli/main.cpp": '#include "actors/x.hpp"\n'})
        self.assertEqual(code, 0, out)


class Standalone(unittest.TestCase):
    def test_paths_outside_of_the_repository_are_found(self):
        for path in ("/wo" "rk/x", "../sha" "red/x", "/ho" "me/anna/x", "/ro" "ot/x"):
            code, out = check("standalone.py", **{"a/b.md": f"one\nsee {path}\n"})
            self.assertEqual(code, 1, path)
            self.assertIn("a/b.md:2: see", out)

    def test_paths_inside_and_built_files_pass(self):
        code, out = check("standalone.py", **{
            "a.md": "docs/wo" "rk/x, ../tests/run, https://example.org/home/x\n", "build-asan/x.txt": "/ro" "ot/x\n"})
        self.assertEqual(code, 0, out)


if __name__ == "__main__":
    unittest.main()
