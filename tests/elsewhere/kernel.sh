# SPDX-License-Identifier: MIT
#
# kernel.sh - run a command under another kernel: a virtual machine whose root is this system's.
#
# The kernel comes from Debian's package. Its root is the host's, read-only through 9p, with a
# layer in memory over it; so what was built here runs there, and nothing here is changed.

# fetch_kernel SUITE PACKAGE: unpack a kernel of a Debian release to $work/kernel.
fetch_kernel() {
  local suite=$1 package=$2 uri apt
  uri=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | head -n 1)
  mkdir -p "$work"/apt/{lists/partial,cache/archives/partial} "$work/kernel"
  printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' \
    "$uri" "$suite" >"$work/apt/sources.list"
  apt=(-o "Dir::Etc::sourcelist=$work/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$work/apt/lists" -o "Dir::Cache=$work/apt/cache" -o APT::Sandbox::User=root)
  apt-get "${apt[@]}" update
  package=$(apt-cache "${apt[@]}" depends "$package" | sed -n 's/.*Depends: \(linux-image-[^ ]*\).*/\1/p' | head -n 1)
  (cd "$work" && apt-get "${apt[@]}" download "$package" && dpkg-deb -x "$package"_*.deb kernel)
}

# The first program of the machine: the modules, the root, the command, and off.
write_init() {
  cat <<'INIT'
#!/bin/sh
mount -t proc proc /proc
mount -t devtmpfs dev /dev
for module in /modules/*; do insmod "$module"; done
mkdir /lower /upper /new
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro host /lower
mount -t tmpfs tmpfs /upper
mkdir /upper/files /upper/work
mount -t overlay -o lowerdir=/lower,upperdir=/upper/files,workdir=/upper/work overlay /new
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000 results /new/mnt
mount -t proc proc /new/proc
mount -t sysfs sys /new/sys
mount -t devtmpfs dev /new/dev
mkdir -p /new/dev/pts /new/dev/shm
mount -t devpts devpts /new/dev/pts
mount -t tmpfs shm /new/dev/shm
ifconfig lo up
# A slow processor takes packets more slowly than a flood of one test sends them; without room they,
# and those of other tests, are lost.
echo 1000000 >/proc/sys/net/core/netdev_max_backlog
ulimit -n 20000
stty -F /dev/ttyS0 -onlcr
chroot /new /bin/bash /mnt/command </dev/null >/dev/ttyS0 2>&1
echo $? >/new/mnt/code
sync
poweroff -f
INIT
}

# under_kernel SUITE PACKAGE COMMAND: run it under that kernel; its output and exit code are ours.
under_kernel() {
  local image version at=0 module
  need qemu-system-x86_64:qemu-system-x86 busybox:busybox-static modprobe:kmod cpio:cpio
  fetch_kernel "$1" "$2" >"$work/fetch.log" 2>&1 || { cat "$work/fetch.log" >&2; return 1; }
  image=$(echo "$work"/kernel/boot/vmlinuz-*)
  version=${image##*/vmlinuz-}
  printf 'kernel %s\n' "$version"

  mkdir -p "$work"/initial/{bin,modules,proc,dev} "$work/results"
  cp "$(command -v busybox)" "$work/initial/bin/busybox"
  for module in sh mount mkdir insmod ifconfig chroot stty sync poweroff; do
    ln -s busybox "$work/initial/bin/$module"
  done
  depmod -b "$work/kernel" "$version"
  for module in virtio_pci 9pnet_virtio 9p overlay; do
    modprobe -d "$work/kernel" -S "$version" --show-depends "$module"
  done | awk '$1 == "insmod" && !seen[$2]++ {print $2}' | while read -r module; do
    at=$((at + 1))
    cp "$module" "$work/initial/modules/$(printf %02d $at).ko"
  done
  write_init >"$work/initial/init"
  chmod +x "$work/initial/init"
  (cd "$work/initial" && find . | cpio --quiet -o -H newc) >"$work/initial.cpio"

  printf 'export PATH=%q HOME=/root CI=%q\ncd %q || exit\n%s\n' "$PATH" "${CI-}" "$PWD" "$3" \
    >"$work/results/command"
  qemu-system-x86_64 -accel "${ELSEWHERE_ACCEL:-tcg,thread=multi}" -cpu max -smp 2 -m 4096 -no-reboot -nodefaults \
    -display none -serial stdio -kernel "$image" -initrd "$work/initial.cpio" \
    -append 'console=ttyS0 quiet panic=-1' \
    -virtfs local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap \
    -virtfs "local,path=$work/results,mount_tag=results,security_model=none" </dev/null
  [ -e "$work/results/code" ] || return 1
  return "$(cat "$work/results/code")"
}
