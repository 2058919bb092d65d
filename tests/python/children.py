# SPDX-License-Identifier: MIT
"""Processes started under a loop: their signal mask, and the loop's readiness. Usage: children.py BACKEND"""
import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile

import ioloop
from harness import check, case, equal, main

BACKEND = sys.argv[1]
PRINT_MASK = [sys.executable, "-S", "-c",
              "import signal; print(sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, []))))"]
OWN_MASK = "%s\n" % sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, [])))


def run(coroutine):
    return ioloop.run(asyncio.wait_for(coroutine, 100), backend=BACKEND)


def output_of(start):
    """What a child started with its stdout in a file prints."""
    with tempfile.TemporaryFile("w+") as file:
        equal(start(file), 0, "status")
        file.seek(0)
        return file.read()


def mask_in_child(file):
    os.dup2(file, 1)
    os.execv(PRINT_MASK[0], PRINT_MASK)


def fork_and_exec(file):
    pid = os.fork()
    if pid == 0:
        mask_in_child(file.fileno())
    return os.waitpid(pid, 0)[1]


def spawn(file, name="posix_spawn"):
    pid = getattr(os, name)(PRINT_MASK[0], PRINT_MASK, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, file.fileno(), 1)])
    return os.waitpid(pid, 0)[1]


def exec_in_place(file):
    program = "import ioloop, os, sys; selector = ioloop.Selector(sys.argv[1]); os.execlp(sys.argv[2], *sys.argv[2:])"
    return subprocess.call([sys.executable, "-c", program, BACKEND] + PRINT_MASK, stdout=file)


def path_of(file):
    return "/proc/%d/fd/%d" % (os.getpid(), file.fileno())


def by_system(file):
    return os.system("%s > %s" % (" ".join("'%s'" % part for part in PRINT_MASK), path_of(file)))


def by_multiprocessing(file):
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=write_mask, args=(path_of(file),))
    process.start()
    process.join()
    return process.exitcode


def write_mask(path):
    with open(path, "w") as file:
        print(sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, []))), file=file)


WAYS = {
    "subprocess": lambda: subprocess.run(PRINT_MASK, stdout=subprocess.PIPE, text=True, check=True).stdout,
    "subprocess with preexec_fn": lambda: subprocess.run(
        PRINT_MASK, stdout=subprocess.PIPE, text=True, check=True, preexec_fn=lambda: None).stdout,
    "subprocess by posix_spawn": lambda: output_of(
        lambda file: subprocess.call(PRINT_MASK, stdout=file, close_fds=False, restore_signals=False)),
    "posix_spawn": lambda: output_of(spawn),
    "posix_spawnp": lambda: output_of(lambda file: spawn(file, "posix_spawnp")),
    "fork and exec": lambda: output_of(fork_and_exec),
    "exec in place": lambda: output_of(exec_in_place),
    "system": lambda: output_of(by_system),
    "multiprocessing": lambda: output_of(by_multiprocessing),
}


@case("asyncio's subprocesses get the mask that the program had before the loop")
def _():
    async def program():
        for _ in range(3):
            process = await asyncio.create_subprocess_exec(*PRINT_MASK, stdout=subprocess.PIPE)
            out, _ = await process.communicate()
            equal((out.decode(), process.returncode), (OWN_MASK, 0), "mask and exit code")
    run(program())


@case("so do children that are started in any other way, in this thread and in one that it started")
def _():
    async def program():
        loop = asyncio.get_running_loop()
        await asyncio.sleep(0.001)
        for name, start in WAYS.items():
            equal(start(), OWN_MASK, name)
            equal(await loop.run_in_executor(None, start), OWN_MASK, name + ", in a thread")
    run(program())


@case("the mask of this thread is the loop's again after each")
def _():
    async def program():
        await asyncio.sleep(0.001)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        for name, start in WAYS.items():
            start()
            equal(signal.pthread_sigmask(signal.SIG_BLOCK, []), before, name)
    run(program())


@case("no readiness is lost while children are started in the middle of traffic")
def _():
    async def traffic(done):
        left, right = await asyncio.get_running_loop().run_in_executor(None, pair)
        count = 0
        loop = asyncio.get_running_loop()
        while not done.is_set() or count < 100:
            await loop.sock_sendall(right, b"x")
            equal(await asyncio.wait_for(loop.sock_recv(left, 10), 30), b"x", "message %d" % count)
            count += 1
        left.close()
        right.close()
        return count

    async def program():
        done = asyncio.Event()
        tasks = [asyncio.ensure_future(traffic(done)) for _ in range(4)]
        for number in range(12):
            process = await asyncio.create_subprocess_exec("/bin/sh", "-c", "exit %d" % number)
            equal(await process.wait(), number, "exit code")
            subprocess.run(["/bin/true"], check=True)
        done.set()
        for count in await asyncio.gather(*tasks):
            check(count >= 100, "%d messages" % count)
        metrics = asyncio.get_running_loop()._selector.metrics()
        equal(metrics["rescues"], 0, "rescues")
    run(program())


def pair():
    from support import pair as make
    return make()


@case("os.fork inside a running loop: the child starts a loop of its own")
def _():
    async def own():
        await asyncio.sleep(0.001)
        process = await asyncio.create_subprocess_exec("/bin/true")
        return await process.wait()

    async def program():
        await asyncio.sleep(0.001)
        pid = os.fork()
        if pid == 0:
            try:
                os._exit(ioloop.run(own(), backend=BACKEND))
            finally:
                os._exit(9)
        await asyncio.sleep(0.001)
        equal(os.waitpid(pid, 0)[1], 0, "the child's end")
        return await own()
    equal(run(program()), 0, "the parent's")


if __name__ == "__main__":
    main()
