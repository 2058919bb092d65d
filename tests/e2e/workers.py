# SPDX-License-Identifier: MIT
"""Several worker processes on one port. Usage: workers.py MODEL

Failures of one of them do not affect the others, and the counts add up in the end: every record is
counted, and every counted one is printed, or known to be lost.
"""
import hashlib
import json
import os
import re
import resource
import select
import signal
import sys
import tempfile
import time

from borrowed import borrow, limit_accepted, links
from harness import SERVER, case, check, equal, main, pass_time, skip, wait_until
from process import Output, Process, run
from server import Server, sanitized
from sockets import addresses_of, fill, limit_buffers, readable, receive, receive_all, unread

MODEL = sys.argv[1]


def server(*options, workers=2, **more):
    return Server("--backend=" + MODEL, "--workers=%d" % workers, *options, **more)


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
        return [int(word) for word in file.read().split()]


def owner(target, sock):
    """The worker that has accepted this connection: the one with its other end."""
    ours = "%s:%d" % sock.getsockname()[:2]
    for pid in children(target.pid):
        if ours in peers(pid):
            return pid
    return None


def peers(pid):
    """The peers of a process's TCP connections, as text."""
    inodes = set()
    try:
        for fd in os.listdir("/proc/%d/fd" % pid):
            found = re.match(r"socket:\[(\d+)\]", os.readlink("/proc/%d/fd/%s" % (pid, fd)))
            inodes.update(found.groups() if found else ())
    except OSError:
        pass  # it has closed one since, or died
    result = set()
    with open("/proc/net/tcp") as file:
        for line in file.readlines()[1:]:
            fields = line.split()
            if fields[9] in inodes:
                host, port = fields[2].split(":")
                parts = [str(int(host[i:i + 2], 16)) for i in (6, 4, 2, 0)]
                result.add("%s:%d" % (".".join(parts), int(port, 16)))
    return result


def connections_to_both(target):
    """Echoing connections until each worker has some: {pid: [socket, ...]}."""
    found = {}
    for index in range(200):
        sock = target.connect()
        target.echo(b"hello %d\n" % index, sock)
        found.setdefault(owner(target, sock), []).append(sock)
        if len(found) == len(children(target.pid)) and index >= 10:
            check(None not in found, "a connection that no worker has")
            return found
    check(False, "200 connections, and only %d workers have any" % len(found))


# ---- serving -------------------------------------------------------------------------------


@case("both serve; announced once; port 0 is one number for all")
def _():
    with server(host="localhost") as target:
        equal(len(target.listening), 2 * len(addresses_of("localhost")), "listening lines")
        equal(len({port for _, _, port, _ in target.listening}), 1, "ports")
        equal({backend for _, _, _, backend in target.listening}, {MODEL}, "models announced")
        equal(len(children(target.pid)), 2, "workers")
        target.host = "127.0.0.1"
        for socks in connections_to_both(target).values():
            for sock in socks:
                sock.close()
        equal(len(re.findall(rb"(?m)^listening", target.stderr.bytes())), len(target.listening),
              "listening lines after a while")


@case("sums: records of all workers == messages sent, also in --stats")
def _():
    with server("--stats=0.2") as target:
        sent = 0
        for turn in range(5):
            for index in range(20):
                target.echo(b"tcp %d %d\n" % (turn, index))
                sock = target.datagram_socket()
                sock.send(b"udp %d %d\n" % (turn, index))
                equal(sock.recv(100)[:3], b"udp", "echo of a datagram")
                sent += 2
        target.stderr.wait_match(rb"(?m)^stats: .*\brecords=%d\b.* workers=2" % sent)
        summary = target.stop()
        equal((summary["records"], summary["tcp"], summary["udp"]), (sent, sent // 2, sent // 2),
              "records in the summary")
        equal((summary["connections"], summary["accepted"], summary["failed"]),
              (0, sent // 2, 0), "connections")
        equal((summary["unprinted"], summary["restarts"]), (0, 0), "unprinted, restarts")
        equal(len(target.stdout.lines()), sent, "lines on stdout")


@case("--slow: each line has the worker, and the summary of each is there")
def _():
    if MODEL == "blocking":
        skip("the model has no loop whose callbacks could be slow")
    # Each callback makes a system call, and none takes less than a microsecond.
    with server("--slow=0.001") as target:
        target.echo(b"hello\n")
        target.stderr.wait_match(rb"(?m)^slow: worker [12], \S.* ran for [\d.]+ ms$")
        target.stop()
        found = re.findall(rb"(?m)^slow: worker ([12]), longest ", target.stderr.bytes())
        equal(sorted(found), [b"1", b"2"], "workers with a last line")


@case("records of 60 KB from all workers at once: each is whole")
def _():
    # Longer than PIPE_BUF and than a pipe: written by several processes they would be torn.
    with server("--udp", "--no-echo", workers=3) as target:
        socks = [target.datagram_socket() for _ in range(12)]
        total = 0
        for turn in range(10):
            for index, sock in enumerate(socks):
                text = b"%02d,%02d," % (turn, index) + bytes([97 + index]) * 60000
                sock.send(text + hashlib.sha256(text).hexdigest().encode())
            total += len(socks)
            wait_until(lambda: target.stdout.bytes().count(b"\n") + target.kernel_drops() >= total,
                       "%d records" % total)
        dropped = target.kernel_drops()
        target.stop()
        lines = target.stdout.lines()
        equal(len(lines) + dropped, total, "records and kernel drops")
        for line in lines:
            equal(line[-64:].decode(), hashlib.sha256(line[:-64]).hexdigest(), "digest of a record")


@case("a reader of stdout that stalls: backpressure, and nothing is lost")
def _():
    reader, writer = os.pipe()
    target = server("--no-echo", "--heartbeat=0.2", "--tcp", stdout=writer)
    os.close(writer)
    block = b"".join(b"%09d," % i for i in range(6000))
    sent = {target.connect(): 0 for _ in range(6)}

    def send(sock):
        sent[sock] += sock.send(block[sent[sock] % len(block):])
        check(sent[sock] < 100e6, "100 MB went in although nothing comes out")

    for sock in sent:
        sock.setblocking(False)
    fill(sent, send, 0.7)
    beats = target.stderr.bytes().count(b"Waiting...")
    target.stderr.wait(lambda data: data.count(b"Waiting...") > beats + 1, "two heartbeats")
    output = Output(reader)
    total = sum(sent.values())
    output.wait(lambda data: len(data) - data.count(b"\n") >= total, "%d bytes" % total)
    equal(len(output.bytes().replace(b"\n", b"")), total, "bytes that came out")
    for sock in sent:
        sock.close()
    equal(target.stop()["unprinted"], 0, "unprinted records")


# ---- workers that exit -----------------------------------------------------------------------


@case("kill -9 of a worker: its connections alone are lost, and another serves within a second")
def _():
    with server("--stats=0.2") as target:
        before = connections_to_both(target)
        sent = sum(len(socks) for socks in before.values())
        victim, survivor = before
        os.kill(victim, signal.SIGKILL)
        for sock in before[victim]:
            try:
                equal(sock.recv(10), b"", "end of a lost connection")
            except ConnectionResetError:
                pass
        for sock in before[survivor]:
            target.echo(b"still here\n", sock)
            sent += 1
        target.stderr.wait_match(rb"(?m)worker \d+ was ended by signal 9; another", seconds=1)
        wait_until(lambda: len(children(target.pid)) == 2 and victim not in children(target.pid),
                   "another worker", 1)
        new = connections_to_both(target)
        sent += sum(len(socks) for socks in new.values())
        check(victim not in new, "the dead serve")
        for sock in [s for socks in (*before.values(), *new.values()) for s in socks]:
            sock.close()
        summary = target.stop()
        equal((summary["records"], summary["restarts"]), (sent, 1), "records and restarts")
        equal(summary["records"] - summary["unprinted"], len(target.stdout.lines()),
              "records - unprinted == lines on stdout")


@case("kill -9 under load: what waited for the dead worker is served by the next")
def _():
    with server("--print=none") as target:
        victim = children(target.pid)[0]
        os.kill(victim, signal.SIGSTOP)
        # All its threads: one that is killed in accept has taken a connection with it.
        wait_until(lambda: thread_states(victim) == {"T"}, "the worker to stop")
        socks = [target.connect() for _ in range(40)]  # half of them wait in its backlog
        for index, sock in enumerate(socks):
            sock.sendall(b"waiting %02d" % index)
        pass_time(0.2)  # enough for the other worker to serve its own
        check(not all(readable(sock, 0) for sock in socks), "nobody waits for the worker that was stopped")
        os.kill(victim, signal.SIGKILL)
        for index, sock in enumerate(socks):
            equal(receive(sock, 10), b"waiting %02d" % index, "echo")
            sock.close()


def ring_of(pid):
    """A descriptor of ours for that process's ring, by which it outlives the process."""
    theirs = [fd for fd, link in links(pid).items() if link == "anon_inode:[io_uring]"]
    equal(len(theirs), 1, "rings of a worker")
    return borrow(pid, theirs[0])


def in_its_ring(pid):
    """Sleeps in io_uring_enter, which has the same number everywhere: its requests are pending."""
    with open("/proc/%d/syscall" % pid) as file:
        return file.read().startswith("426 ")


if MODEL == "io_uring":
    @case("the next begins when the ring of the killed one is gone: it would take connections to the grave")
    def _():
        with server("--print=none") as target:
            old = children(target.pid)
            wait_until(lambda: all(in_its_ring(pid) for pid in old), "workers that wait", 5)
            rings = [ring_of(pid) for pid in old]
            for pid in old:
                os.kill(pid, signal.SIGKILL)
            target.stderr.wait(lambda data: data.count(b"was ended by signal 9") == 2, "two deaths")
            new = [target.connect() for _ in range(3)]
            for sock in new:
                sock.sendall(b"hello")
            check(not any(readable(sock, 0.1) for sock in new), "one is served")
            equal(children(target.pid), [], "workers")
            for ring in rings:
                os.close(ring)
            for sock in new:
                equal(receive(sock, 5), b"hello", "echo")
                sock.close()


def state(pid, folder=""):
    try:
        with open("/proc/%s%d/stat" % (folder, pid)) as file:
            return file.read().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return None


def thread_states(pid):
    return {state(int(thread), "%d/task/" % pid) for thread in os.listdir("/proc/%d/task" % pid)}


def wait_gone(pids):
    """Until they have ended, whether or not they have been reaped."""
    wait_until(lambda: all(state(pid) in (None, "Z") for pid in pids), "the end of the workers", 5)


@case("one that dies again and again comes back, later each time")
def _():
    with server("--print=none") as target:
        for count, pause in enumerate((b"0.0", b"0.1", b"0.2", b"0.4"), 1):
            wait_until(lambda: len(children(target.pid)) == 2, "two workers")
            os.kill(children(target.pid)[-1], signal.SIGKILL)  # the youngest: the same place
            target.stderr.wait(lambda data: data.count(b"was ended by signal 9") >= count,
                               "a line about the death")
            line = target.stderr.lines()[-1]
            check(line.endswith(b"another one starts in %s s" % pause), "%r" % line)
        wait_until(lambda: len(children(target.pid)) == 2, "two workers")
        target.echo(b"hello")


@case("SIGTERM to a worker alone: it finishes, and another takes its place")
def _():
    with server() as target:
        found = connections_to_both(target)
        chosen = min(found)
        os.kill(chosen, signal.SIGTERM)
        for sock in found[chosen]:
            equal(receive_all(sock), b"", "an end in order")
        target.stderr.wait_match(rb"worker \d+ exited with status 0; another one starts")
        wait_until(lambda: len(children(target.pid)) == 2, "two workers")
        target.echo(b"hello\n")
        for sock in [s for socks in found.values() for s in socks]:
            sock.close()


@case("SIGUSR2, and SIGUSR1 without --trace, end neither the workers nor the parent")
def _():
    with server("--print=none") as target:
        old = children(target.pid)
        for pid in [target.pid] + old:
            os.kill(pid, signal.SIGUSR1)
            os.kill(pid, signal.SIGUSR2)
        target.echo(b"hello")
        equal(children(target.pid), old, "workers")


@case("SIGUSR1 for the trace of one that has just been started does not kill it")
def _():
    with tempfile.TemporaryDirectory() as folder:
        with server("--print=none", "--trace=" + os.path.join(folder, "trace.json")) as target:
            for _ in range(3):
                victim = children(target.pid)[-1]
                os.kill(victim, signal.SIGKILL)
                until = time.monotonic() + 0.5
                while time.monotonic() < until:
                    target.signal(signal.SIGUSR1)
                # A dead worker is among the children until its parent has reaped it.
                wait_until(lambda: len(set(children(target.pid)) - {victim}) == 2, "two workers")
            target.echo(b"hello")
            target.signal(signal.SIGTERM)
            while target.popen.poll() is None:  # a signal is a file to write: not without a pause
                target.popen.send_signal(signal.SIGUSR1)
                select.select([], [], [], 0.001)
            equal(target.wait(), 0, "exit code")
            equal(target.summary()["restarts"], 3, "restarts")


@case("kill -9 of the parent: the workers end as well")
def _():
    target = server("--print=none")
    pids = children(target.pid)
    target.echo(b"hello")
    target.popen.kill()
    target.popen.wait()
    wait_gone(pids)


def stuff(target, count):
    """Connections that take no more, because the data they have sent is not read."""
    socks = [target.connect() for _ in range(count)]
    for sock in socks:
        limit_buffers(sock)
        sock.setblocking(False)
    while not all(unread(sock) for sock in socks):
        fill(socks, lambda sock: sock.send(b"x" * 65536), 0.5)
    return socks


# ---- ending --------------------------------------------------------------------------------


@case("SIGTERM: all that had arrived at both is printed and echoed, then exit 0")
def _():
    with server() as target:
        found = connections_to_both(target)
        kept = [socks[0] for socks in found.values()]
        count = len(target.stdout.wait_lines(sum(len(s) for s in found.values())))
        pids = children(target.pid)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        for pid in pids:
            wait_until(lambda: state(pid) == "T", "the worker to stop")
        for sock in kept:
            sock.sendall(b"kept\n")
        queued = [target.connect() for _ in range(20)]  # they wait in the backlogs
        for index, sock in enumerate(queued):
            sock.sendall(b"queued %d\n" % index)
        for index in range(20):
            target.datagram_socket().send(b"datagram %d" % index)
        target.signal(signal.SIGTERM)
        target.stderr.wait_match(rb"(?m)^stopping: ")
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        equal(target.wait(), 0, "exit code")
        expected = [b"kept"] * 2 + [b"queued %d" % i for i in range(20)]
        expected += [b"datagram %d" % i for i in range(20)]
        equal(sorted(target.stdout.lines()[count:]), sorted(expected), "records")
        for sock in kept:
            equal(receive_all(sock), b"kept\n", "echo on an open connection")
        for index, sock in enumerate(queued):
            equal(receive_all(sock), b"queued %d\n" % index, "echo on a queued connection")
        equal(target.summary()["records"], count + len(expected), "records in the summary")


@case("SIGINT for the whole group, as by Ctrl-C: an end in order all the same")
def _():
    with server(group=True) as target:
        sock = target.connect()
        target.echo(b"hello\n", sock)
        os.killpg(target.pid, signal.SIGINT)  # a worker has the parent's as well: still one request
        equal(target.wait(), 0, "exit code")
        equal(target.stdout.lines(), [b"hello"], "records")
        sock.close()


@case("a trace that takes longer to write than the end may is written all the same")
def _():
    with tempfile.TemporaryDirectory() as folder:
        target = server("--print=none", "--tcp", "--trace=" + os.path.join(folder, "trace.json"), workers=1)
        sock = target.connect()
        for _ in range(8000):
            target.echo(b"hello", sock)
        sock.close()
        worker = children(target.pid)[0]
        target.signal(signal.SIGTERM)
        wait_until(lambda: any(name.endswith(".part") for name in os.listdir(folder)), "the writing")
        os.kill(worker, signal.SIGSTOP)
        wait_until(lambda: state(worker) == "T", "the worker to stop")
        time.sleep(4)
        os.kill(worker, signal.SIGCONT)
        equal(target.wait(), 0, "exit code")
        with open(os.path.join(folder, "trace.1.json")) as file:
            whole = json.load(file)["otherData"]["complete"]
        full = b"later events are not recorded" in target.stderr.bytes()  # the nonblocking model calls all the time
        equal(whole, not full, "all is there, unless the limit was reached")
        equal(os.listdir(folder), ["trace.1.json"], "files")


@case("a worker that does not end in time is killed, a line says so, exit 1")
def _():
    with server("--print=none") as target:
        stopped = children(target.pid)[0]
        os.kill(stopped, signal.SIGSTOP)
        wait_until(lambda: state(stopped) == "T", "the worker to stop")
        target.signal(signal.SIGTERM)
        equal(target.wait(), 1, "exit code")
        equal(len(re.findall(rb"(?m)^server: worker [12] has not ended within 3\.4 s, and is killed$",
                             target.stderr.bytes())), 1, "lines about it")
        equal(state(stopped), None, "the worker")


@case("timeout(1) sends SIGTERM twice: to the parent, then to the group; it is one request")
def _():
    target = server("--print=none", "--tcp", group=True)
    sock = target.connect()
    target.echo(b"hello", sock)
    os.kill(target.pid, signal.SIGINT)  # another one: two of a kind may become one
    os.killpg(target.pid, signal.SIGTERM)
    equal(target.wait(), 0, "exit code")
    equal(target.summary()["bytes"], 5, "bytes in the summary")
    equal(receive_all(sock), b"", "an end in order")


@case("a second signal ends all of them at once")
def _():
    target = server("--print=none", "--tcp")
    pids = children(target.pid)
    if MODEL == "blocking":
        for pid in pids:
            limit_accepted(pid)
    socks = stuff(target, 8)
    target.signal(signal.SIGTERM)
    target.stderr.wait_match(rb"(?m)^stopping: ")
    time.sleep(0.3)  # sooner it would be the first again
    target.signal(signal.SIGTERM)
    equal(target.wait(2), 128 + signal.SIGTERM, "exit code")
    wait_gone(pids)
    for sock in socks:
        sock.close()


@case("SIGTERM while stdout stalls: it ends all the same, and reports what it could not print")
def _():
    reader, writer = os.pipe()
    target = server("--no-echo", "--tcp", stdout=writer)
    os.close(writer)
    socks = stuff(target, 4)
    target.signal(signal.SIGTERM)
    equal(target.wait(8), 1, "exit code")
    summary = target.summary()
    check(summary["unprinted"] > 0, "nothing is unprinted")
    check(b" %d records were not printed" % summary["unprinted"] in target.stderr.lines()[-1],
          "the last line is %r" % target.stderr.lines()[-1])
    output = Output(reader)
    lines = output.wait_end().count(b"\n")
    equal(lines + summary["unprinted"], summary["records"], "printed + unprinted")
    for sock in socks:
        sock.close()


@case("stdout that is closed by its reader: one line reports it, and all end")
def _():
    reader, writer = os.pipe()
    target = server(stdout=writer)
    pids = children(target.pid)
    os.close(writer)
    os.close(reader)
    target.datagram_socket().send(b"to nobody\n")
    equal(target.wait(), 1, "exit code")
    equal(len(re.findall(rb"(?m)cannot write to stdout: Broken pipe", target.stderr.bytes())), 1,
          "lines about stdout")
    wait_gone(pids)


# ---- starting ------------------------------------------------------------------------------


@case("a port that another server's workers share is taken all the same")
def _():
    with server() as target:
        for options in ([], ["--udp"], ["--tcp"]):
            code, out, err = run(SERVER, "--workers=2", "--backend=" + MODEL, "--host=127.0.0.1",
                                 "--port=%d" % target.port, *options)
            equal((code, out, err.count(b"\n")), (1, b"", 1), "exit code, stdout, lines")
            check(b"--port=0" in err, "%r does not say what to do" % err)


def start_with(which, limit):
    """The result of a start with a limit: None if it serves, else its one-line error."""
    process = Process([SERVER, "--workers=2", "--backend=" + MODEL, "--host=127.0.0.1", "--port=0"],
                      limits={which: limit})
    process.stderr.wait(lambda data: b"\n" in data, "a line")
    if b"listening" in process.stderr.bytes():
        process.stderr.wait_lines(2)
        process.signal(signal.SIGTERM)
        equal(process.wait(), 0, "exit code with %d" % limit)
        return None
    code = process.wait()
    line = process.stderr.bytes()
    if code != 127:  # the exit code of a program that cannot be loaded
        equal((code, line.count(b"\n")), (1, 1), "exit code and lines with %d: %r" % (limit, line))
    return line


def kill_one_under(limit, value, words):
    """No other can be started while the parent has this limit; the rest serve on, and then it is started."""
    with server("--print=none") as target:
        sock = target.connect()
        target.echo(b"hello", sock)
        soft, hard = resource.prlimit(target.pid, limit)
        resource.prlimit(target.pid, limit, (value, hard))
        os.kill(next(pid for pid in children(target.pid) if pid != owner(target, sock)), signal.SIGKILL)
        target.stderr.wait_match(words)
        target.echo(b"still here", sock)
        resource.prlimit(target.pid, limit, (soft, hard))
        wait_until(lambda: len(children(target.pid)) == 2, "two workers", 20)
        connections_to_both(target)


@case("one that finds no descriptors when it is started again: the others serve on, and later another does")
def _():
    kill_one_under(resource.RLIMIT_NOFILE, 3, rb"cannot start worker \d+: Too many open files")


@case("too few descriptors: one line, exit 1")
def _():
    lines = [start_with(resource.RLIMIT_NOFILE, limit) for limit in range(5, 40)]
    check(lines[0] and b"ulimit" in lines[0], "the first line is %r" % lines[0])
    equal(lines[-1], None, "with enough of them")


if MODEL == "blocking":
    # A worker's threads need memory that the parent did not need: for their stacks.
    @case("a worker that cannot start stops the server: its reason in one line, exit 1")
    def _():
        if sanitized():
            skip("a sanitizer needs more address space than any limit leaves")
        lines = [start_with(resource.RLIMIT_AS, kb * 1024) for kb in range(2000, 12000, 100)]
        check(any(line and b"Resource temporarily unavailable" in line for line in lines),
              "no worker was ever without threads: %r" % lines)
        equal(lines[-1], None, "with enough memory")

    @case("one that has no memory when it is started again: its reason in one line, and later another")
    def _():
        if sanitized():
            skip("a sanitizer needs more address space than any limit leaves")
        kill_one_under(resource.RLIMIT_AS, 1 << 20,
                       rb"cannot start: Resource temporarily unavailable.*\n"
                       rb".*worker \d+ exited with status 1; another one starts")


main()
