# SPDX-License-Identifier: MIT
"""Documents as files for the tests of the reports."""
import json
import os
import tempfile

import bench_documents
from harness import BUILD

BENCH = os.environ.get("IOLOOP_BENCH", os.path.join(BUILD, "bench"))
ESCAPE = b"\x1b"

folder = tempfile.TemporaryDirectory(prefix="ioloop-report-")
DOCUMENT = bench_documents.document()


def path_of(name):
    return os.path.join(folder.name, name)


def save(document, name):
    with open(path_of(name), "w", encoding="utf-8") as file:
        json.dump(document, file)
    return path_of(name)


def shown_number(text):
    return float(text.replace(",", ""))
