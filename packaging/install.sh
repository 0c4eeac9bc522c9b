#!/bin/sh
# Puts the built programs and their files in place. The one list of what is installed where: `make install`, the
# Debian package and the RPM all come here.
#
#   DESTDIR=DIR   staging directory, prepended to everything (default: none)
#   PREFIX=DIR    default /usr
#   BINDIR=DIR    where the built programs lie (default: target/release)
set -eu

here=$(cd "$(dirname "$0")" && pwd)
DESTDIR=${DESTDIR:-}
PREFIX=${PREFIX:-/usr}
BINDIR=${BINDIR:-$here/../target/release}

for program in ebpfauditd auditctl augenrules; do
    if [ ! -x "$BINDIR/$program" ]; then
        echo "install.sh: $BINDIR/$program is not there; run \`make build\` first" >&2
        exit 1
    fi
done

sbin=$DESTDIR$PREFIX/sbin
man=$DESTDIR$PREFIX/share/man
doc=$DESTDIR$PREFIX/share/doc/ebpfauditd
unit=$DESTDIR$PREFIX/lib/systemd/system
etc=$DESTDIR/etc/audit

install -d -m 0755 "$sbin" "$man/man7" "$man/man8" "$doc" "$unit"
install -d -m 0750 "$etc" "$etc/rules.d" "$DESTDIR/var/log/audit"

install -m 0755 "$BINDIR/ebpfauditd" "$BINDIR/auditctl" "$BINDIR/augenrules" "$sbin/"
ln -sf ebpfauditd "$sbin/auditd"

for page in "$here"/man/*.[78]; do
    packed=$man/man${page##*.}/${page##*/}.gz
    # Without name and time the same input gives the same package.
    gzip -9nc "$page" > "$packed"
    chmod 0644 "$packed"
done
ln -sf ebpfauditd.8.gz "$man/man8/auditd.8.gz"

install -m 0644 "$here/../LICENSE" "$doc/LICENSE"
install -m 0644 "$here/deb/copyright" "$doc/copyright"
sed "s|/usr/sbin/|$PREFIX/sbin/|" "$here/systemd/auditd.service" > "$unit/auditd.service"
chmod 0644 "$unit/auditd.service"

# A machine's own configuration is never overwritten. The daemon reads audit.rules; augenrules makes it of what is in rules.d,
# so rules that are only in audit.rules go there too.
if ! ls "$etc/rules.d" | grep -q '\.rules$' && [ -e "$etc/audit.rules" ]; then
    install -m 0640 "$etc/audit.rules" "$etc/rules.d/audit.rules"
fi
for file in auditd.conf audit.rules rules.d/audit.rules; do
    if [ -e "$etc/$file" ]; then
        echo "install.sh: $etc/$file is left as it is" >&2
    else
        install -m 0640 "$here/etc/${file##*/}" "$etc/$file"
    fi
done
