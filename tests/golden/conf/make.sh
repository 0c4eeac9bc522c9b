#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Asks Debian 12's auditd (3.0.9) what it thinks of each line of cases.txt, as the fourth line of an auditd.conf that is
# otherwise right, and writes answers.txt: the line, what auditd said of it, its exit code. \t stands for a tab, \n for a
# newline. The kernel's audit is not touched (../enrich/feed.c); mounts are made in a namespace of our own, so this needs root.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ -z "${CONF_NAMESPACE:-}" ]; then
    CONF_NAMESPACE=1 exec unshare --mount --propagation private "$0" "$@"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mount -t tmpfs tmpfs /run # auditd's pid file
cc -shared -fPIC -O1 -Wall -Wextra -o "$work/feed.so" "$here/../enrich/feed.c"
mkdir -p "$work/log" "$work/plugins.d"
while IFS= read -r case; do
    rm -f "$work/log/"*
    {
        printf 'log_file = %s/log/audit.log\nspace_left = 2\nadmin_space_left = 1\n' "$work"
        printf '%b\n' "$(printf '%s' "$case" | sed 's/%/%%/g; s/%%/%/g')"
    } >"$work/auditd.conf"
    printf '== %s\n' "$case"
    code=0
    FEED=/dev/null LD_PRELOAD=$work/feed.so timeout 20 /sbin/auditd -f -c "$work" >"$work/said" 2>&1 || code=$?
    # What it says of every run, and what its parts say when they are called.
    grep -av -E 'opened for parsing|_parser called with|No plugins found|type=DAEMON|^audit\(|out of memory score|config_manager init|Init complete|is exiting|Resolved node name|^$' \
        "$work/said" | sed "s|$work|DIR|g" || true
    printf 'exit %d\n' "$code"
done <"$here/cases.txt" >"$here/answers.txt"
