#!/bin/sh
# Writes the tables of this folder that follow the original's names: runs `ausyscall` and asks libaudit.so.1
# (Debian 12: auditd 3.0.9) for the rest. Run it in this folder; needs auditd and python3 with ctypes.
set -eu

head_of() {
    printf '//! %s\n//! Written by `make.sh` from the original'"'"'s own tables; do not edit.\n\n' "$1"
}

for arch in x86_64 i386 aarch64 arm ppc s390 s390x; do
    name=$(echo "$arch" | tr '[:lower:]' '[:upper:]')
    {
        head_of "System calls of \`$arch\`, ascending."
        printf '#[rustfmt::skip]\npub(super) const %s: &[(u32, &str)] = &[\n' "$name"
        ausyscall "$arch" --dump | awk -F'\t' 'NR > 1 { printf "    (%s, \"%s\"),\n", $1, $2 }'
        echo '];'
    } >"syscall_$arch.rs"
done

ask() {
    python3 - "$1" "$2" <<'PYTHON'
import ctypes, sys
ask = getattr(ctypes.CDLL("libaudit.so.1"), sys.argv[1])
ask.restype = ctypes.c_char_p
for number in range(int(sys.argv[2])):
    name = ask(number)
    if name:
        print(f'    ({number}, "{name.decode()}"),')
PYTHON
}

{
    head_of 'Record types, `AUDIT_*`, ascending.'
    printf '#[rustfmt::skip]\npub(super) const NAMES: &[(u16, &str)] = &[\n'
    ask audit_msg_type_to_name 65536
    echo '];'
} >message_type_names.rs

{
    head_of 'Error numbers, ascending; where two names share a number, the one that `auditctl -l` prints.'
    printf '#[rustfmt::skip]\npub(super) const NAMES: &[(u32, &str)] = &[\n'
    ask audit_errno_to_name 4096
    echo '];'
} >errno_names.rs
