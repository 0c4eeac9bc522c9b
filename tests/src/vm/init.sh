#!/bin/busybox sh
# The first process of the guest. The kernel talks on ttyS0; what the jobs say, and the lines by which the host knows
# where we are, go to ttyS1.
# Whoever reads a serial line reads lines.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
busybox mount -t devtmpfs dev /dev
exec >/dev/ttyS1 2>&1 </dev/null
busybox mkdir -p /dev/pts /dev/shm /dev/mqueue
busybox mount -t devpts -o mode=620,ptmxmode=666 devpts /dev/pts
busybox mount -t tmpfs -o mode=1777 shm /dev/shm
busybox mount -t mqueue mqueue /dev/mqueue
busybox mount -t tmpfs -o mode=755 run /run
busybox mount -t bpf bpf /sys/fs/bpf
busybox mount -t tracefs tracefs /sys/kernel/tracing
busybox mount -t debugfs debugfs /sys/kernel/debug
busybox mount -t securityfs securityfs /sys/kernel/security
busybox mount -t cgroup2 cgroup2 /sys/fs/cgroup
[ ! -d /sys/fs/selinux ] || busybox mount -t selinuxfs selinuxfs /sys/fs/selinux
busybox ln -s /proc/self/fd /dev/fd
busybox ln -s fd/0 /dev/stdin
busybox ln -s fd/1 /dev/stdout
busybox ln -s fd/2 /dev/stderr
busybox ip link set lo up
busybox hostname vm
cd /root || exit 1

# job NAME PROGRAM ARGUMENT...
job() {
	name=$1
	shift
	echo "@vm start $name"
	busybox setsid "$@"
	echo "@vm end $name $?"
}

echo "@vm kernel $(busybox uname -r)"
. /vm/jobs
echo "@vm done"
busybox poweroff -f
