# SPDX-License-Identifier: MIT
"""Take the program out of README.md, so that it is compiled with the same warnings as the rest.
Usage: readme_program.py README.md OUTPUT"""
import re
import sys


def program(text):
    """The code block after the marker."""
    return re.search(r"<!-- program: \S+ -->\n```c\n(.*?)```\n", text, re.DOTALL).group(1)


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as readme, open(sys.argv[2], "w") as output:
        output.write(program(readme.read()))
