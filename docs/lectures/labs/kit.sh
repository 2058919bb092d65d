# SPDX-License-Identifier: MIT
# Helpers of the lectures, for bash: `. kit.sh` with this folder in the PATH. PORT is the port.

# Start a server in the background; it listens when this returns. Its records are in ./records, its
# messages in ./log, its process in $server. It does not inherit the shell's connections (5 to 9).
start() {
  : >log
  server --host=127.0.0.1 --port="$PORT" "$@" >records 2>log 5>&- 6>&- 7>&- 8>&- 9>&- &
  server=$!
  until grep -q listening log || ! kill -0 "$server"; do sleep 0.05; done
}

# End it in order. The last line of ./log is then its summary.
stop() {
  kill "$server"
  wait "$server" 2>/dev/null # where a signal ends it, bash says so
}

# A client that pauses for a tenth of a second before each word, once it has the echo of the last.
slowly() (
  coproc client --raw --port="$PORT"
  for word; do
    sleep 0.1
    echo "$word" >&"${COPROC[1]}"
    read -r echoed <&"${COPROC[0]}" && echo "$echoed"
  done
  exec {COPROC[1]}>&-
  wait "$COPROC_PID"
)

# The ladder of a trace, without the column of times.
ladder() {
  ioladder --text "$@" | sed '3,$s/^.\{12\}//'
}

# A counter of the summary that the server printed at its end: summary events
summary() {
  sed -n "s/^summary:.* $1=\([0-9]*\).*/\1/p" log
}

# strace with these options on the server, into ./calls, until `detach`. It says when it is attached;
# what the server does from then on is in ./calls.
attach() {
  : >attached
  strace -e quiet=exit -f "$@" -o calls -p "$server" 2>attached &
  tracer=$!
  until grep -q attached attached || ! kill -0 "$tracer"; do sleep 0.05; done
}

# The server may still have a client's end to read: first it goes back to sleep, if it ever sleeps.
detach() {
  for _ in {1..20}; do
    ! grep -q '^State:.S' "/proc/$server/status" || break
    sleep 0.05
  done
  kill "$tracer"
  wait "$tracer"
}

# The system calls that a request of `client OPTION...` costs the server, over 1,000 requests. Very
# rare calls are omitted.
count() {
  attach -c
  client --raw --count=1000 --port="$PORT" "$@" x >echoes
  detach
  awk '$4 + 0 > 45 && $NF != "total" { printf "%.1f %s\n", $4 / 1000, $NF }' calls | sort -k2
}

# Stop the server's process for N seconds (stall N), as a busy machine does.
stall() {
  kill -STOP "$server"
  sleep "$1"
  kill -CONT "$server"
}

# Of a result of `bench against --json`: a percentile in milliseconds (percentile p99 <FILE), and
# how many requests took longer than N milliseconds (slower N <FILE).
percentile() {
  python3 -c 'import json, sys
print("%.1f" % (json.load(sys.stdin)["percentiles"][sys.argv[1]] / 1e6))' "$1"
}

slower() {
  python3 -c 'import json, sys
counts = json.load(sys.stdin)["latency"]["counts"]
print(sum(n for ns, n in counts if ns > float(sys.argv[1]) * 1e6))' "$1"
}

# ---- Tornado's servers, of docs/examples/python --------------------------------------------------

examples=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../examples/python" && pwd)

# As `start`, for the TCP server in Tornado: start_tornado python3 -m ioloop --backend=sigio
start_tornado() {
  : >log
  "$@" "$examples/tcp_server.py" --print=none --port="$PORT" >records 2>log 5>&- 6>&- 7>&- 8>&- 9>&- &
  server=$!
  until grep -q listening log || ! kill -0 "$server"; do sleep 0.05; done
}

# As `count`, with a client that pauses before each request, so that the server waits for it; without what
# a signal-driven loop does once a second, whatever happens.
count_slowly() {
  attach -c -e 'trace=!fcntl,newfstatat'
  slowly {1..20} >echoes
  detach
  awk '$4 + 0 > 9 && $NF != "total" { printf "%.0f %s\n", $4 / 20, $NF }' calls | sort -k2
}
