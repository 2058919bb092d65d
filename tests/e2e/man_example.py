# SPDX-License-Identifier: MIT
"""Take the example out of a man page, so that it is compiled with the same warnings as the rest.
Usage: man_example.py PAGE OUTPUT"""
import re
import sys


def example(text):
    """The first display that is a program."""
    found = re.search(r"\n\.Bd -literal -offset indent\n(#include .*?)\.Ed\n", text, re.DOTALL)
    return found.group(1).replace("\\e", "\\")


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as page, open(sys.argv[2], "w") as output:
        output.write(example(page.read()))
