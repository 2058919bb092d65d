#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The backend in the opening comment of backend.h, as a file that compiles: tests/meson.build.

    skeleton.py BACKEND_H OUTPUT
"""
import pathlib
import sys

source, output = map(pathlib.Path, sys.argv[1:])
comment = source.read_text().split("*/")[1]
code = [line[5:] for line in comment.splitlines() if line.startswith(" *   ")]
headers = ["limits.h", "poll.h", "stdlib.h"]
output.write_text("".join(f"#include <{name}>\n" for name in headers) +
                  '#include "backend.h"\n' + "\n".join(code) + "\n")
