#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the golden files of the log formatter: for every NAME.in here, NAME.log is what Debian 12's auditd (3.0.9) writes
# for these records. The kernel's audit is not touched (feed.c), but mounts are made (in a namespace of our own), so this
# needs root. Users and groups are those of ./passwd and ./group.
#
# usage: make.sh [NAME...]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ -z "${ENRICH_NAMESPACE:-}" ]; then
    ENRICH_NAMESPACE=1 exec unshare --mount --propagation private "$0" "$@"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mount -t tmpfs tmpfs /run # auditd's pid file
mount --bind "$here/passwd" /etc/passwd
mount --bind "$here/group" /etc/group
cc -shared -fPIC -O1 -Wall -Wextra -o "$work/feed.so" "$here/feed.c"

# run FORMAT NODE IN OUT
run() {
    dir=$work/run
    rm -rf "$dir"
    mkdir -p "$dir/log" "$dir/plugins.d"
    cat >"$dir/auditd.conf" <<CONF
log_file = $dir/log/audit.log
log_format = $1
log_group = root
flush = none
max_log_file_action = ignore
space_left = 2
admin_space_left = 1
name_format = $([ -n "$2" ] && echo user || echo none)
name = ${2:-unused}
plugin_dir = $dir/plugins.d
q_depth = 50000
CONF
    FEED=$3 LD_PRELOAD=$work/feed.so timeout 60 /sbin/auditd -n -c "$dir"
    # The daemon's own records have its pid and the time of day.
    grep -av 'type=DAEMON_' "$dir/log/audit.log" >"$4"
}

cd "$here"
[ $# -gt 0 ] || set -- *.in
for name; do
    name=${name%.in}
    run enriched '' "$here/$name.in" "$here/$name.log"
    case $name in real | long)
        run raw '' "$here/$name.in" "$here/$name.raw.log"
        run enriched host.example "$here/$name.in" "$here/$name.node.log"
        ;;
    esac
done
