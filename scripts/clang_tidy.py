#!/usr/bin/env python3
"""Runs clang-tidy over C++ sources with the commands of a CMake build folder, several files at a time.

Sources that the build does not compile are left out. Exits 1 if clang-tidy finds anything.
"""

import argparse
import concurrent.futures
import json
import os
import shlex
import subprocess
import sys
import tempfile

# What only gcc understands: the precompiled header, and OpenMP's runtime header.
GCC_ONLY = {"-Winvalid-pch", "-fopenmp"}


def for_clang(command):
    """A compile command without gcc's precompiled header; its sources include what they need."""
    kept, arguments = [], iter(shlex.split(command))
    for argument in arguments:
        if argument == "-include":
            next(arguments)
        elif argument not in GCC_ONLY:
            kept.append(argument)
    return shlex.join(kept)


def read_commands(build):
    """The build's compile commands of the project's own sources, by absolute path."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        entries = json.load(file)
    build = os.path.abspath(build) + os.sep
    return {entry["file"]: {**entry, "command": for_clang(entry["command"])}
            for entry in entries if entry["file"].endswith(".cc") and not entry["file"].startswith(build)}


def tidy(database, path):
    result = subprocess.run(["clang-tidy", "--quiet", "-p", database, path], capture_output=True, text=True, check=False)
    return path, result.returncode, result.stdout.strip() or (result.stderr.strip() if result.returncode else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, help="configured build folder, such as build/release")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="files at a time (default: one a core)")
    parser.add_argument("files", nargs="*", help="sources to check (default: all that the build compiles)")
    arguments = parser.parse_args()

    commands = read_commands(arguments.build)
    wanted = [os.path.abspath(file) for file in arguments.files] or sorted(commands)
    paths = [path for path in wanted if path in commands]
    failed = 0
    with tempfile.TemporaryDirectory() as database:
        with open(os.path.join(database, "compile_commands.json"), "w", encoding="utf-8") as file:
            json.dump(list(commands.values()), file)
        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            for path, status, report in pool.map(lambda path: tidy(database, path), paths):
                if status:
                    failed += 1
                    print(f"{os.path.relpath(path)}:\n{report}", flush=True)
    print(f"clang-tidy: {len(paths)} files, {failed} with findings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
