#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A copy of the library whose calls of the system go to layer.c. Usage: redirect.py CALLS.H LIBRARY COPY

Each function in calls.h is renamed to fault_NAME in the copy. Exits 1 if the library calls a function
that is neither in that list nor in the one below.
"""
import re
import subprocess
import sys

CALLS, LIBRARY, COPY = sys.argv[1:]

# In calls.h these are one: `allocation`; and system calls for which the C library has no function.
OTHERS = ["malloc", "calloc", "realloc", "strdup", "free", "syscall"]

# pthread_key_create can fail, but is called before main.
HARMLESS = set("""_GLOBAL_OFFSET_TABLE_ abort bcmp clock_gettime getenv getpid gettid memchr memcmp memcpy memmove memset
freeaddrinfo pthread_atfork pthread_detach pthread_getspecific pthread_key_create pthread_key_delete
pthread_mutex_destroy pthread_mutex_lock pthread_mutex_trylock pthread_mutex_unlock
pthread_self sched_yield sigaddset sigemptyset sigfillset sigismember snprintf strcmp strcspn strerror
strlen strncmp strnlen strtol inet_ntop io_uring_queue_exit _Unwind_Resume""".split())
HARMLESS_PREFIXES = ("__", "event_", "_ITM_", "kevent", "kqueue")  # libevent's own calls: see layer.c


def symbols(option):
    text = subprocess.run(["nm", "-g", option, LIBRARY], stdout=subprocess.PIPE, check=True).stdout.decode()
    return {line.split()[-1] for line in text.splitlines() if len(line.split()) > 1}


def plain(name):
    """With large files the C library calls fcntl fcntl64."""
    return re.sub(r"64$", "", name)


with open(CALLS) as file:
    known = OTHERS + re.findall(r"^  CALL\((\w+),", file.read(), re.M)
used = sorted(symbols("--undefined-only") - symbols("--defined-only"))
unknown = [name for name in used
           if plain(name) not in known and name not in HARMLESS and not name.startswith(HARMLESS_PREFIXES)]
if unknown:
    sys.exit("redirect.py: what if these fail? Add them to calls.h: " + " ".join(unknown))

options = []
for name in used:
    if plain(name) in known:
        options += ["--redefine-sym", "%s=fault_%s" % (name, plain(name))]
subprocess.run(["objcopy"] + options + [LIBRARY, COPY], check=True)
