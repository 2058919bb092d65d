#!/bin/sh
# SPDX-License-Identifier: MIT
# For `meson dist`: copies the full matrix of the last run into the release. Without a run there is none.
matrix=$MESON_BUILD_ROOT/conformance-matrix.md
if [ -f "$matrix" ]; then
  cp "$matrix" "$MESON_DIST_ROOT/docs/conformance-matrix.md"
else
  echo "$matrix is missing: run all tests, then tests/report.py" >&2
fi
