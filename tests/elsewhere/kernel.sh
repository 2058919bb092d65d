# SPDX-License-Identifier: MIT
#
# kernel.sh - run a command under another kernel: user-mode Linux, a kernel that is a process here.
#
# The kernel comes from Debian's package user-mode-linux. Its root is this system's, read-only, with
# $work to write to and a /tmp of its own; so what was built here runs there, and nothing here is
# changed. It has one processor. Programs run at this machine's speed, but a system call, a signal or a
# page fault takes a dozen changes between two processes here: it needs a machine with nothing else to
# do. A virtual machine without /dev/kvm emulates each instruction: an hour per kernel, also on such.

# fetch_kernel FOLDER SUITE: unpack user-mode Linux of a Debian release to the folder.
fetch_kernel() {
  local uri apt
  mkdir -p "$1"/{lists/partial,cache/archives/partial,lib}
  uri=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | head -n 1)
  printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$uri" "$2" >"$1/list"
  apt=(-o "Dir::Etc::sourcelist=$1/list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$1/lists" -o "Dir::Cache=$1/cache" -o APT::Sandbox::User=root)
  ln -s ../usr/lib/uml/modules "$1/lib/modules"
  cd "$1" && apt-get "${apt[@]}" update && apt-get "${apt[@]}" download user-mode-linux &&
    dpkg-deb -x user-mode-linux_*.deb . && depmod -b . "$(ls lib/modules)"
}

# write_init FOLDER MODULE...: the first program of that system: its devices and files, the command, and
# off. Linux 5.10 cannot open the files of this system through an overlay.
write_init() {
  cat <<INIT
#!/bin/bash
export PATH=$PATH HOME=/tmp CI=${CI-}
mount -t proc proc /proc
for module in ${*:2}; do insmod \$module; done
mount -t sysfs sys /sys
mount -t tmpfs -o mode=1777 tmpfs /tmp
mkdir -p $work /dev/pts /dev/shm
mount -t hostfs -o $work work $work
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
busybox ifconfig lo up
# A slow kernel takes packets more slowly than a flood of one test sends them; without room they,
# and those of other tests, are lost.
echo 1000000 >/proc/sys/net/core/netdev_max_backlog
ulimit -n 20000
cd $work
bash $1/command </dev/null >$1/output 2>&1
echo \$? >$1/code
sync
busybox poweroff -f
INIT
}

# under_kernel SUITE COMMAND: run it under that kernel; its output and exit code are ours.
under_kernel() {
  local folder=$work/$1 version modules
  need busybox:busybox-static modprobe:kmod
  (fetch_kernel "$folder" "$1") >"$work/fetch.log" 2>&1 || { cat "$work/fetch.log" >&2; return 1; }
  version=$(ls "$folder/lib/modules")
  printf 'kernel %s\n' "$version"
  modules=$(modprobe -d "$folder" -S "$version" --show-depends ipv6 | sed -n 's/^insmod //p')

  # shellcheck disable=SC2086 # one word each
  write_init "$folder" $modules >"$folder/init"
  chmod +x "$folder/init"
  printf '%s\n' "$2" >"$folder/command"
  "$folder/usr/bin/linux.uml" mem=4G root=/dev/root rootfstype=hostfs rootflags=/ ro \
    init="$folder/init" uml_dir="$folder" con=null con0=fd:0,fd:1 </dev/null >"$folder/log" 2>&1 || true
  [ -e "$folder/code" ] || { tail -n 40 "$folder/log" >&2; return 1; }
  cat "$folder/output"
  return "$(cat "$folder/code")"
}
