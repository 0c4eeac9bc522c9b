#!/bin/bash
# Makes the golden files of this folder by running the original auditctl on the running kernel.
#
#   corpus.golden      every line of corpus.rules, as the words of one command line
#   files/*.golden     every files/*.rules, loaded with -R
#   examples/*.golden  every rules file that the auditd package ships, loaded with -R; *.all.golden: the same with a line
#                      `-i` before it, so that every line is tried
#   wire.golden        what the original sends to the kernel for every line of wire.rules (needs strace)
#   host.golden        what the rules above have to do with this machine: its users and groups, and which of the
#                      paths they name, and of the folders those are in, are directories
#
# Each entry holds the exit code, what went to standard error ("! "), and what `auditctl -l` ("| ") and `auditctl -l -i`
# ("i ") print afterwards. In corpus.rules a word '' is an empty word. What cannot be taken back before a reboot (-e 2,
# -f 2, --loginuid-immutable) is made a comment before a file is loaded.
#
# Must run as root, with no audit daemon and no rules loaded; leaves the kernel's settings as they were.
set -u
export LC_ALL=C
cd "$(dirname "$0")" || exit 1
original=${ORIGINAL:-/sbin/auditctl}
shipped=${SHIPPED:-/usr/share/doc/auditd/examples/rules}
work=$(mktemp -d)
settings=$("$original" -s)

if [ "$("$original" -l)" != "No rules" ]; then
    echo "make.sh: rules are loaded; not touching them" >&2
    exit 1
fi

setting() { sed -n "s/^$1 //p" <<<"$settings"; }

restore() {
    "$original" -D
    "$original" -e "$(setting enabled)" -f "$(setting failure)" -r "$(setting rate_limit)" \
        -b "$(setting backlog_limit)" --backlog_wait_time "$(setting backlog_wait_time)"
} >/dev/null 2>&1

trap 'restore; rm -rf "$work"' EXIT

# Prints what became of a run that ended with code $1 and left its messages in $work/stderr, and clears up after it.
record() {
    echo "exit $1"
    sed 's/^/! /' "$work/stderr"
    # An empty list is so frequent that it goes without saying.
    "$original" -l | sed '/^No rules$/d; s/^/| /'
    "$original" -l -i | sed '/^No rules$/d; s/^/i /'
    restore
}

corpus() {
    while IFS= read -r line; do
        case $line in '' | '#'*) continue ;; esac
        IFS=' ' read -r -a words <<<"$line"
        for at in "${!words[@]}"; do
            [ "${words[at]}" = "''" ] && words[at]=
        done
        printf '> %s\n' "$line"
        "$original" "${words[@]}" >/dev/null 2>"$work/stderr" </dev/null
        record $?
    done <corpus.rules
}

# Loads file $1 from the working folder, so that messages name it without a folder; $2 goes before its first line.
load() {
    { printf '%s' "$2"; sed -E 's/^ *(-e +2|-f +2|--loginuid-immutable)/#&/' "$1"; } >"$work/$(basename "$1")"
    (cd "$work" && "$original" -R "$(basename "$1")" >/dev/null 2>"$work/stderr")
    record $?
}

# Prints for every line of wire.rules the request and its payload in hexadecimal.
wire() {
    while IFS= read -r line; do
        IFS=' ' read -r -a words <<<"$line"
        printf '> %s\n' "$line"
        strace -xx -s 20000 -e trace=sendto -o "$work/strace" "$original" "${words[@]}" >/dev/null 2>&1
        sed -nE 's/.*nlmsg_type=AUDIT_(ADD|DEL)_RULE,[^}]*\}, "([^"]*)".*/\1 \2/; T; s/\\x//g; p' "$work/strace"
        restore
    done <wire.rules
}

# The facts about this machine that decide about a rule.
host() {
    getent passwd | awk -F: '{ print "user", $1, $3 }'
    getent group | awk -F: '{ print "group", $1, $3 }'
    cat corpus.rules files/*.rules "$shipped"/*.rules | tr -d '\r' | tr ' ' '\n' |
        sed -nE 's/^(path|dir|exe)!?=//; /^\//p' | sed -E 's,(.)/+$,\1,' | sort -u |
        while IFS= read -r path; do
            [ ${#path} -ge 4096 ] && continue
            printf '%s\n' "$path" "$(dirname "$path")"
        done | sort -u | while IFS= read -r path; do
            [ -d "$path" ] && printf 'directory %s\n' "$path"
        done
}

case ${1:-all} in all | host) host >host.golden ;; esac
case ${1:-all} in all | wire) wire >wire.golden ;; esac
case ${1:-all} in all | corpus) corpus >corpus.golden ;; esac
case ${1:-all} in
all | files)
    for file in files/*.rules; do
        load "$file" '' >"${file%.rules}.golden"
    done
    mkdir -p examples
    for file in "$shipped"/*.rules; do
        name=$(basename "${file%.rules}")
        load "$file" '' >"examples/$name.golden"
        load "$file" $'-i\n' >"examples/$name.all.golden"
    done
    ;;
esac
