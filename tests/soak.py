#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A long run of the server under each model, among hostile peers: nothing is lost, nothing grows.

  tests/soak.py                          10^8 messages through each model
  tests/soak.py --hours=8                eight hours, in equal parts for the models
  tests/soak.py --messages=1e7 --backend=rtsig,io_uring

Good peers (soak_load, in C) send messages in batches, replace their connections now and then, and
compare every byte of every echo. Next to them, in rounds, are peers that
  silent     connect and do nothing
  slow       send one byte at a time, and read as slowly
  reset      end with a reset, in the middle of a message
  flood      send without end and never read
  halfclosed end their side first, and read the whole answer later
  vanished   disappear without a FIN or a reset, as a machine that loses power (needs CAP_NET_ADMIN)
  crowd      come by the thousand at once, and leave at once
In the same rounds the limits of the running server (descriptors, queued signals) are lowered and
restored. The last fifth of a model's part runs with three workers, one of which is killed now and then.

After each round the hostile peers leave, and the server is sampled. What is checked:
  every byte of each echo, of connections and datagrams
  lost     no good connection is ended by the server; with workers, only those of the killed one: at
           most all connections for each kill. At the end the answers to everything sent have arrived.
           No datagram is missing, except those that the kernel counts as dropped, and one per kill.
  flat     descriptors: after each round as few as before the first.
           memory (RssAnon): the smallest sample of the last third is at most the largest of the
           first third, 2 % and 4 MiB: a crowd that is larger than all before leaves the heap in
           steps of 1 MiB. At least 3 rounds are run. With workers it is the parent, as no worker
           lives long.
  rescues  0 in every line of --stats and in the summary: the safety scan of the signal-driven models
           never finds a descriptor that was not reported
  end      SIGTERM ends the server with exit code 0

The table at the end has a line per model. 10^8: the time that 10^8 messages take at this rate;
HOSTILE: hostile peers that connected; LIMITS: how often limits were lowered; KILLS: workers killed;
CUT OFF: good connections that this ended; MEMORY and DESCRIPTORS: after the first round, and at the
end. Ctrl-C ends the run in order: what is in flight is awaited, and the table is printed.
Exit code: 0 nothing was found; 1 something was: a line on stderr says what; 2 wrong command line;
130 ended by Ctrl-C, and nothing was found until then.
"""
import argparse
import errno
import os
import random
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(FOLDER, "e2e"))

CONNECTIONS = 32
DEPTH = 32       # messages per batch at most; 16 times as many on one connection in eight
SIZE = 128       # bytes per message at most
WORKERS = 3
PATIENCE = 120   # seconds
CROWD = 1500
KILLED_SHARE = 0.2
TCP_REPAIR = 19

interrupted = threading.Event()


class Fault(Exception):
    """What the run looks for."""


# ---- the good peers ------------------------------------------------------------------------


class Good:
    """soak_load; its counts are those of its last line."""

    def __init__(self, program, port, seed):
        self.popen = subprocess.Popen(
            [program, "127.0.0.1", str(port), str(CONNECTIONS), str(DEPTH), str(SIZE), str(seed), str(PATIENCE)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        self.counts = {"messages": 0, "open": 0}
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        for line in self.popen.stdout:
            self.counts = {name: int(value) for name, value in
                           (word.split(b"=") for word in line.split() if b"=" in word)
                           for name in [name.decode()]}

    def check(self):
        if self.popen.poll() is not None:
            raise Fault(self.popen.stderr.read().decode().strip() or "soak_load ended: %d" % self.popen.returncode)

    def finish(self):
        self.popen.stdin.close()
        try:
            code = self.popen.wait(2 * PATIENCE)
        except subprocess.TimeoutExpired:
            raise Fault("soak_load does not end") from None
        self.thread.join()
        if code:
            self.check()
        return self.counts

    def kill(self):
        self.popen.kill()
        self.popen.wait()


# ---- the hostile peers ---------------------------------------------------------------------


def leave_with_reset(sock):
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass
    sock.close()


class Hostile:
    """One round of them, a thread for each kind. finish() makes them leave."""

    def __init__(self, port, seed, crowd, checked):
        self.address = ("127.0.0.1", port)
        self.crowd_size = crowd
        self.checked = checked  # no worker is killed, so that answers are complete
        self.over = threading.Event()
        self.peers = 0
        self.faults = []
        self.random = random.Random(seed)
        kinds = [self.silent, self.slow, self.reset, self.flood, self.halfclosed, self.vanished, self.crowd]
        self.threads = [threading.Thread(target=self.run, args=(kind,), daemon=True) for kind in kinds]
        for thread in self.threads:
            thread.start()

    def run(self, kind):
        while not self.over.is_set():
            try:
                kind()
            except Fault as fault:
                self.faults.append("%s: %s" % (kind.__name__, fault))
                return
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    self.faults.append("this program has too few descriptors: %s" % error)
                    return
                self.over.wait(0.02)

    def finish(self):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def connect(self):
        sock = socket.create_connection(self.address, 5)
        self.peers += 1
        return sock

    def silent(self):
        socks = [self.connect() for _ in range(50)]
        self.over.wait()
        for index, sock in enumerate(socks):
            if index % 2:
                leave_with_reset(sock)
            sock.close()

    def slow(self):
        socks = [self.connect() for _ in range(10)]
        sent = [0] * len(socks)
        got = [0] * len(socks)
        while not self.over.wait(0.01):
            for index, sock in enumerate(socks):
                sock.setblocking(False)
                sent[index] += sock.send(bytes([sent[index] & 255]))
                try:
                    for byte in sock.recv(1):
                        if byte != got[index] & 255 or got[index] >= sent[index]:
                            raise Fault("byte %d came back as 0x%02x" % (got[index], byte))
                        got[index] += 1
                except BlockingIOError:
                    pass
        for sock in socks:
            sock.close()

    def reset(self):
        sock = self.connect()
        sock.setblocking(False)
        try:
            sock.send(self.random.randbytes(self.random.randrange(1, 100000)))
        finally:
            self.over.wait(self.random.choice((0, 0, 0.002)))
            leave_with_reset(sock)

    def flood(self):
        socks = [self.connect() for _ in range(4)]
        data = bytes(65536)
        poll = select.poll()
        for sock in socks:
            sock.setblocking(False)
            poll.register(sock, select.POLLOUT)
        while not self.over.is_set():
            found = {number for number, _ in poll.poll(50)}
            for sock in socks:
                if sock.fileno() in found:
                    try:
                        sock.send(data)
                    except BlockingIOError:
                        pass
        for sock in socks:
            leave_with_reset(sock)

    def halfclosed(self):
        data = self.random.randbytes(30000)
        socks = [self.connect() for _ in range(10)]
        for sock in socks:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
        self.over.wait(0.5)
        for sock in socks:
            sock.settimeout(PATIENCE)
            answer = bytearray()
            try:
                while chunk := sock.recv(65536):
                    answer += chunk
            except OSError as error:
                if self.checked:
                    raise Fault("%d bytes of %d came back: %s" % (len(answer), len(data), error)) from None
                return
            if answer != data and (self.checked or not data.startswith(answer)):
                raise Fault("%d bytes came back wrong, or as %d" % (len(data), len(answer)))
            sock.close()

    def vanished(self):
        places = []
        for _ in range(10):
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("127.0.0.9", 0))
            sock.settimeout(5)
            sock.connect(self.address)
            sock.sendall(b"x")
            try:
                sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)  # from now on it ends in silence
            except PermissionError:
                self.over.wait()
                return
            self.peers += 1
            places.append(sock.getsockname())
            sock.close()
        self.over.wait()
        # The machine is on again and connects from the same port: the kernel's answer to what the
        # server's side still believes is a reset, so that the server learns of it.
        for place in places:
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(place)
            sock.setblocking(False)
            sock.connect_ex(self.address)
            leave_with_reset(sock)

    def crowd(self):
        socks = []
        try:
            for _ in range(self.crowd_size):
                sock = socket.socket()
                socks.append(sock)
                sock.setblocking(False)
                sock.connect_ex(self.address)
            self.peers += len(socks)
            for sock in socks:
                try:
                    sock.send(b"y")
                except OSError:
                    pass
            self.over.wait(self.random.random() / 4)
        finally:
            for sock in socks:
                leave_with_reset(sock)
        self.over.wait(0.2)


# ---- the server's processes ----------------------------------------------------------------


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
        return [int(word) for word in file.read().split()]


def descriptors(pid):
    try:
        return len(os.listdir("/proc/%d/fd" % pid))
    except OSError:
        return 0  # it was killed


def memory_kib(pid):
    with open("/proc/%d/status" % pid) as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssAnon"))


class Trouble:
    """Lowers the limits of running processes, and kills workers, while a round lasts."""

    def __init__(self, pid, seed, kill):
        self.pid = pid
        self.random = random.Random(seed)
        self.kill = kill
        self.kills = self.lowered = 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.over.is_set():
            self.lower()
            if self.kill and not self.over.is_set():
                workers = children(self.pid)
                if workers:
                    os.kill(self.random.choice(workers), signal.SIGKILL)
                    self.kills += 1
            self.over.wait(self.random.uniform(0.05, 0.3))

    def lower(self):
        """For a moment: fewer descriptors than are open, or a few more; and few queued signals."""
        old = {}
        for pid in [self.pid] + children(self.pid):
            count = descriptors(pid)
            few = self.random.choice((count // 2, count, count + self.random.randrange(1, 20)))
            for limit, value in ((resource.RLIMIT_NOFILE, few),
                                 (resource.RLIMIT_SIGPENDING, self.random.randrange(20))):
                try:
                    soft, hard = resource.prlimit(pid, limit)
                    resource.prlimit(pid, limit, (min(value, soft), hard))
                    old[pid, limit] = (soft, hard)
                except ProcessLookupError:
                    pass
        self.lowered += 1
        self.over.wait(self.random.uniform(0.02, 0.2))
        for (pid, limit), values in old.items():
            try:
                resource.prlimit(pid, limit, values)
            except ProcessLookupError:
                pass

    def finish(self):
        self.over.set()
        self.thread.join()


# ---- one model -----------------------------------------------------------------------------


class Model:
    """What is known of one model's run."""

    def __init__(self, name):
        self.name = name
        self.messages = self.bytes = self.broken = self.datagrams = 0
        self.peers = self.kills = self.lowered = self.rounds = 0
        self.seconds = 0.0
        self.memory = []
        self.descriptors = []
        self.lost = self.rescues = 0
        self.result = "not run"


def progress(text):
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K" + text)
        sys.stderr.flush()


def wait_for(condition, what, good):
    deadline = time.monotonic() + PATIENCE
    pause = threading.Event()
    while not condition():
        good.check()
        if time.monotonic() > deadline:
            raise Fault("%d s after a round: %s" % (PATIENCE, what()))
        pause.wait(0.02)


def one_round(model, server, good, options, kill):
    """Hostile peers and trouble for a while; then none of them is left."""
    seed = "%s %s %d" % (options.seed, model.name, model.rounds)
    hostile = Hostile(server.port, seed, options.crowd, not kill)
    trouble = Trouble(server.pid, seed, kill)
    interrupted.wait(options.round)
    trouble.finish()
    hostile.finish()
    model.rounds += 1
    model.peers += hostile.peers
    model.kills += trouble.kills
    model.lowered += trouble.lowered
    if hostile.faults:
        raise Fault("; ".join(hostile.faults))
    good.check()


def one_phase(model, server, good, options, target, seconds, workers):
    """Rounds until target messages or seconds are over. Ends with the server's summary."""
    def total():
        return sum(descriptors(pid) for pid in [server.pid] + children(server.pid))

    def calm():
        return len(children(server.pid)) == workers and good.counts["open"] == CONNECTIONS

    wait_for(calm, lambda: "not all good connections are open", good)
    base = max(total() for _ in range(5))
    memory, began, rounds, before = [], time.monotonic(), 0, model.messages
    while not interrupted.is_set():
        one_round(model, server, good, options, workers > 0)
        rounds += 1
        wait_for(lambda: calm() and total() <= base,
                 lambda: "%d descriptors, %d before the first round; %s" % (total(), base, good.counts), good)
        if not workers:
            model.descriptors.append(total())
        memory.append(memory_kib(server.pid))
        for line in server.statistics()[-3:]:
            model.rescues = max(model.rescues, line["rescues"])
            if line["rescues"]:
                raise Fault("rescues: %(rescues)d" % line)
        passed = time.monotonic() - began
        progress("%s%s: %d rounds, %.1f million messages, %.2f million per second, %d descriptors, %d KiB" % (
            model.name, " with workers" if workers else "", rounds, (before + good.counts["messages"]) / 1e6,
            good.counts["messages"] / passed / 1e6, total(), memory[-1]))
        if rounds >= 3 and good.counts["messages"] >= target and passed >= seconds:
            break
    return memory


def check_memory(memory, sanitized):
    third = len(memory) // 3
    if third == 0 or sanitized:
        return
    first, last = max(memory[:third]), min(memory[-max(2, third):])
    if last > first * 1.02 + 4096:
        raise Fault("memory grew from %d to %d KiB; after each round: %s" % (first, last, memory[-50:]))


def check_losses(model, counts, summary, kills):
    if counts["broken"] > kills * CONNECTIONS:
        raise Fault("%d good connections were ended by the server, with %d messages in flight; %d workers "
                    "were killed" % (counts["broken"], counts["cut"], kills))
    lost = counts["datagrams_lost"]
    model.lost += 0 if kills else lost + counts["cut"]
    if lost > summary["kernel_drops"] + kills:
        raise Fault("%d datagrams lost; the kernel dropped %d" % (lost, summary["kernel_drops"]))


def serve(model, options, target, seconds, workers):
    from harness import Failure
    from server import Server, sanitized
    arguments = ["--backend=" + model.name, "--print=none", "--stats"]
    if workers:
        arguments.append("--workers=%d" % workers)
    server = good = None
    try:
        server = Server(*arguments, group=True)
        good = Good(options.load, server.port, options.seed)
        kills, began = model.kills, time.monotonic()
        memory = one_phase(model, server, good, options, target, seconds, workers)
        counts = good.finish()
        model.seconds += time.monotonic() - began
        for name in ("messages", "bytes", "broken", "datagrams"):
            setattr(model, name, getattr(model, name) + counts[name])
        summary = server.stop(seconds=PATIENCE)
        check_losses(model, counts, summary, model.kills - kills)
        check_memory(memory, sanitized())
        if not workers:
            model.memory = memory
    except Failure as failure:
        raise Fault(str(failure)) from None
    finally:
        if good:
            good.kill()
        if server:
            if sys.exc_info()[0] is not None:
                print(*server.describe(), sep="\n", file=sys.stderr)
            server.kill()


def soak(model, options, target, seconds):
    try:
        serve(model, options, target * (1 - KILLED_SHARE), seconds * (1 - KILLED_SHARE), 0)
        if not interrupted.is_set():
            serve(model, options, target * KILLED_SHARE, seconds * KILLED_SHARE, WORKERS)
        model.result = "interrupted" if interrupted.is_set() else "ok"
    except Fault as fault:
        model.result = "FAILED"
        progress("")
        print("soak: %s: %s (seed %s)" % (model.name, fault, options.seed), file=sys.stderr)


# ---- the run -------------------------------------------------------------------------------


def span(seconds):
    return "%.0f s" % seconds if seconds < 120 else "%.0f min" % (seconds / 60) if seconds < 7200 else (
        "%.1f h" % (seconds / 3600))


def print_table(models):
    rows = [("MODEL", "MESSAGES", "PER SECOND", "10^8", "BYTES", "LOST", "RESCUES", "ROUNDS", "HOSTILE", "LIMITS", "KILLS",
             "CUT OFF", "DATAGRAMS", "MEMORY KiB", "DESCRIPTORS", "RESULT")]
    for m in models:
        rate = m.messages / m.seconds if m.seconds else 0
        memory = "%d to %d" % (m.memory[0], m.memory[-1]) if m.memory else "-"
        held = "%d to %d" % (m.descriptors[0], m.descriptors[-1]) if m.descriptors else "-"
        rows.append((m.name, "%d" % m.messages, "%.0f" % rate, span(1e8 / rate) if rate else "-",
                     "%.1f GB" % (m.bytes / 1e9), "%d" % m.lost, "%d" % m.rescues,
                     "%d" % m.rounds, "%d" % m.peers, "%d" % m.lowered, "%d" % m.kills, "%d" % m.broken, "%d" % m.datagrams,
                     memory, held, m.result))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    progress("")
    for row in rows:
        print("  ".join(cell.ljust(width) if i in (0, len(row) - 1) else cell.rjust(width)
                        for i, (cell, width) in enumerate(zip(row, widths))).rstrip())
    sys.stdout.flush()


def available(server):
    lines = subprocess.run([server, "--list-backends"], stdout=subprocess.PIPE, check=True).stdout.decode()
    words = [line.split() for line in lines.splitlines()[1:]]
    return [w[0] for w in words if "available" in w]


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     usage="tests/soak.py [--messages=N | --hours=N] [--backend=LIST] [option ...]")
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("--messages", type=float, metavar="N", help="through each model (default: 1e8)")
    amount.add_argument("--hours", type=float, metavar="N", help="in all, in equal parts for the models; 0.1 is 6 minutes")
    parser.add_argument("--backend", metavar="LIST", help="models, with commas between (default: all available)")
    parser.add_argument("--round", type=float, default=2, metavar="SEC",
                        help="length of a round of hostile peers (default: 2)")
    parser.add_argument("--crowd", type=int, default=CROWD, metavar="N",
                        help="peers that come at once (default: %d)" % CROWD)
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of what is chosen at random (default: 1)")
    parser.add_argument("--build", default=os.path.join(FOLDER, "..", "build"), metavar="DIR",
                        help="build folder (default: build)")
    options = parser.parse_args(arguments)
    for name in ("messages", "hours", "round", "crowd"):
        value = getattr(options, name)
        if value is not None and not 0 < value < 1e15:
            parser.error("--%s=%s: a number above 0" % (name, value))
    os.environ.setdefault("IOLOOP_SERVER", os.path.join(options.build, "server"))
    options.load = os.environ.get("IOLOOP_SOAK_LOAD", os.path.join(options.build, "tests", "fuzz", "soak_load"))
    for program in (os.environ["IOLOOP_SERVER"], options.load):
        if not os.access(program, os.X_OK):
            parser.error("%s is missing: build it first, or give --build=DIR" % program)
    known = available(os.environ["IOLOOP_SERVER"])
    options.models = options.backend.split(",") if options.backend else known
    for name in options.models:
        if name.split(":")[0] not in known:
            parser.error("--backend=%s: available here are %s" % (name, ", ".join(known)))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if hard != resource.RLIM_INFINITY else max(soft, 20000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    options.crowd = max(1, min(options.crowd, wanted - 500))
    return options


def main():
    options = parse(sys.argv[1:])
    signal.signal(signal.SIGINT, lambda *_: interrupted.set())
    signal.signal(signal.SIGTERM, lambda *_: interrupted.set())
    seconds = (options.hours or 0) * 3600 / len(options.models)
    target = 0 if options.hours else options.messages or 1e8
    models = [Model(name) for name in options.models]
    for model in models:
        if not interrupted.is_set():
            soak(model, options, target, seconds)
    print_table(models)
    if any(model.result == "FAILED" for model in models):
        sys.exit(1)
    sys.exit(130 if interrupted.is_set() else 0)


if __name__ == "__main__":
    main()
