# SPDX-License-Identifier: MIT
"""asyncio on ioloop: run, new_event_loop, EventLoopPolicy. Usage: event_loops.py BACKEND"""
import asyncio
import os
import signal
import socket
import sys
import threading

import ioloop
from harness import case, check, equal, main
from support import raises

BACKEND = sys.argv[1]


def run(coroutine):
    return ioloop.run(asyncio.wait_for(coroutine, 60), backend=BACKEND)


async def echo(reader, writer):
    while True:
        data = await reader.read(4096)
        if not data:
            break
        writer.write(data)
        await writer.drain()
    writer.close()


async def ask(port, count, size):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number in range(count):
        message = bytes([number % 256]) * size
        writer.write(message)
        equal(await reader.readexactly(size), message, "echo %d" % number)
    writer.close()
    await writer.wait_closed()


@case("streams: 20 connections, 50 messages each, and one of 2 MB")
def _():
    async def program():
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        await asyncio.gather(*(ask(port, 50, 100) for _ in range(20)))
        await ask(port, 1, 2000000)
        server.close()
        await server.wait_closed()
        return asyncio.get_running_loop()._selector.backend
    equal(run(program()), BACKEND, "backend")


@case("datagrams: 200 there and back")
def _():
    async def program():
        loop = asyncio.get_running_loop()

        class Echo(asyncio.DatagramProtocol):
            def connection_made(self, transport):
                self.transport = transport

            def datagram_received(self, data, address):
                self.transport.sendto(data, address)

        transport, _ = await loop.create_datagram_endpoint(Echo, ("127.0.0.1", 0))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.setblocking(False)
            client.connect(transport.get_extra_info("sockname"))
            for number in range(200):
                client.send(b"%d" % number)
                equal(await loop.sock_recv(client, 100), b"%d" % number, "datagram")
        transport.close()
    run(program())


@case("call_soon_threadsafe, run_in_executor and call_later")
def _():
    async def program():
        loop = asyncio.get_running_loop()
        for _ in range(20):
            done = loop.create_future()
            thread = threading.Thread(target=lambda: loop.call_soon_threadsafe(done.set_result, 7))
            thread.start()
            equal(await done, 7, "from a thread")
            thread.join()
        equal(await loop.run_in_executor(None, lambda: 8), 8, "executor")
        begun = loop.time()
        await asyncio.sleep(0.02)
        check(loop.time() - begun >= 0.02 - 1e-3, "sleep")  # asyncio's clock resolution
    run(program())


@case("signal handlers of the loop, and of the program")
def _():
    async def program():
        loop = asyncio.get_running_loop()
        for signo in signal.SIGUSR1, signal.SIGUSR2:
            arrived = loop.create_future()
            if signo == signal.SIGUSR1:
                loop.add_signal_handler(signo, arrived.set_result, signo)
            else:
                signal.signal(signo, lambda signo, frame: loop.call_soon_threadsafe(arrived.set_result, signo))
            loop.call_later(0.01, os.kill, os.getpid(), signo)
            equal(await arrived, signo, "the signal")
        loop.remove_signal_handler(signal.SIGUSR1)
        signal.signal(signal.SIGUSR2, signal.SIG_DFL)
    run(program())


@case("an exception of a callback goes to asyncio's handler, and the loop goes on")
def _():
    async def program():
        loop = asyncio.get_running_loop()
        seen = loop.create_future()
        loop.set_exception_handler(lambda loop, context: seen.set_result(context["exception"]))
        left, right = socket.socketpair()

        def on_ready():
            loop.remove_reader(left)
            raise RuntimeError("in a callback")
        loop.add_reader(left, on_ready)
        right.send(b"x")
        check(isinstance(await seen, RuntimeError), "the exception")
        left.close()
        right.close()
        return "done"
    equal(run(program()), "done", "the result")


@case("the policy's loops, two of them in turns, and asyncio.run under it")
def _():
    former = asyncio.get_event_loop_policy()
    asyncio.set_event_loop_policy(ioloop.EventLoopPolicy(BACKEND))
    try:
        async def name():
            await asyncio.sleep(0)
            return asyncio.get_running_loop()._selector.backend
        loops = [asyncio.new_event_loop() for _ in range(2)]
        for _ in range(3):
            for loop in loops:
                equal(loop.run_until_complete(name()), BACKEND, "the loop's backend")
        for loop in loops:
            loop.close()
        equal(asyncio.run(name()), BACKEND, "asyncio.run")
    finally:
        asyncio.set_event_loop_policy(former)


@case("a loop made in one thread runs in another, and in a third")
def _():
    loop = ioloop.new_event_loop(BACKEND)
    results = []

    async def program():
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        await ask(server.sockets[0].getsockname()[1], 20, 1000)
        server.close()
        await server.wait_closed()
        return threading.current_thread().name
    for name in "second", "third":
        thread = threading.Thread(target=lambda: results.append(loop.run_until_complete(program())), name=name)
        thread.start()
        thread.join(60)
    results.append(loop.run_until_complete(program()))
    equal(results, ["second", "third", threading.current_thread().name], "threads")
    loop.close()


@case("a backend that is unavailable: OSError from run, new_event_loop and the policy's loops")
def _():
    async def nothing():
        pass
    coroutine = nothing()
    for make in (lambda: ioloop.new_event_loop("no-such"), lambda: ioloop.run(coroutine, backend="no-such"),
                 lambda: ioloop.EventLoopPolicy("no-such")):
        check("no-such" in raises(OSError, make).strerror, "the reason")
    coroutine.close()


main()
