# SPDX-License-Identifier: MIT
"""If the kernel refuses io_uring: the reason is printed, and nothing takes its place.

The refusal is a seccomp filter's, as in many containers; without_io_uring sets it and runs the program.
The other causes cannot be tested without changing the whole machine.
"""
import os
import re

from harness import SERVER, case, check, equal, main, skip
from process import run
from server import Server

WITHOUT = os.environ["IOLOOP_WITHOUT_IO_URING"]
REASONS = {
    "EPERM": rb"not permitted here \(EPERM; (kernel\.io_uring_disabled or )?a seccomp filter\)",
    "ENOSYS": rb"not in this kernel, or hidden by a seccomp filter \(ENOSYS\)",
    "EINVAL": rb"too old: needs Linux 6\.0",
}


def run_without(error, *options):
    code, out, err = run(WITHOUT, error, SERVER, *options)
    if code == 77:
        skip("no seccomp filter can be set here (%s)" % err.decode().strip())
    return code, out, err


for error in REASONS:
    @case("--list-backends reports that io_uring is refused, and the error: %s" % error)
    def _(error=error):
        code, out, err = run_without(error, "--list-backends")
        equal((code, err), (0, b""), "exit code and stderr")
        line = re.search(rb"(?m)^io_uring .*$", out)
        check(line and re.search(REASONS[error], line.group()), "no reason in %r" % out)

    @case("--backend=io_uring, refused, exits 1 with the reason: %s" % error)
    def _(error=error):
        code, out, err = run_without(error, "--backend=io_uring", "--port=0")
        equal((code, out), (1, b""), "exit code and stdout")
        check(re.search(REASONS[error], err), "no reason in %r" % err)
        check(b"listening" not in err, "it serves with something else: %r" % err)


@case("where io_uring is refused the other models serve")
def _():
    run_without("EPERM", "--version")
    with Server("--backend=epoll", wrapper=[WITHOUT, "EPERM"]) as server:
        server.echo(b"as ever")


main()
