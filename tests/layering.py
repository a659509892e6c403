#!/usr/bin/env python3
"""Checks the arrows between the folders: which may include which, and what protocol/ must stay free of.

Usage: layering.py [ROOT]. Prints each offence as file:line and exits 1 if there is one.
"""
import pathlib
import re
import sys

# A folder may include itself and these.
MAY_INCLUDE = {
    "protocol": set(),
    "io": set(),
    "config": set(),
    "actors": {"protocol", "io", "config"},
    "cli": {"protocol", "io", "config", "actors"},
    "bench": {"protocol", "io", "config", "actors"},
}

# protocol/ takes bytes, events and now, and returns the like: std only, no I/O, threads, clocks or logs.
PROTOCOL_HEADERS = re.compile(
    r"(boost|asio|caf|spdlog|fmt|nlohmann|sys|arpa|netinet|net|linux)/"
    r"|(.*\.h|thread|mutex|shared_mutex|condition_variable|future|semaphore|latch|barrier|stop_token"
    r"|iostream|fstream|filesystem|ctime|cstdio)$")
PROTOCOL_WORDS = re.compile(
    r"\b(steady_clock|system_clock|high_resolution_clock|utc_clock|random_device|thread_local"
    r"|getenv|printf|cout|cerr|clog|socket|recvmmsg|sendmmsg)\b")

INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')
NOT_CODE = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|^\s*#[^\n]*', re.DOTALL | re.MULTILINE)


def blank(match):
    """Keeps the line count and takes the text."""
    return re.sub(r"[^\n]", " ", match.group())


def offences(root):
    for folder, allowed in MAY_INCLUDE.items():
        for path in sorted((root / folder).rglob("*.[ch]pp")):
            text = path.read_text(encoding="utf-8")
            where = path.relative_to(root)
            for number, line in enumerate(text.splitlines(), 1):
                found = INCLUDE.match(line)
                if not found:
                    continue
                bracket, target = found.groups()
                first = target.split("/")[0]
                if bracket == '"' and not (root / target).is_file():
                    yield f'{where}:{number}: "{target}" is not written from the root of the repository'
                elif first in MAY_INCLUDE and first != folder and first not in allowed:
                    yield f"{where}:{number}: {folder}/ must not include {target}"
                elif first == "tests":
                    yield f"{where}:{number}: only tests include {target}"
                elif folder == "protocol" and bracket == "<" and PROTOCOL_HEADERS.match(target):
                    yield f"{where}:{number}: protocol/ is pure and must not include <{target}>"
            if folder == "protocol":
                code = NOT_CODE.sub(blank, text)
                for number, line in enumerate(code.splitlines(), 1):
                    for word in PROTOCOL_WORDS.findall(line):
                        yield f"{where}:{number}: protocol/ is pure and must not use {word}"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent)
    found = list(offences(root))
    print("\n".join(found) or "every include follows the arrows")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
