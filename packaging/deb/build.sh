#!/bin/sh
# Makes the Debian package from the built programs, with dpkg-deb alone.
#
#   packaging/deb/build.sh [OUTDIR]      default OUTDIR: target/debian
#
#   BINDIR=DIR     where the built programs lie (default: target/release)
#   DEBFULLNAME, DEBEMAIL    the maintainer, as for Debian's own tools
#   SOURCE_DATE_EPOCH        time of the files in the package (default: of the last commit, else now)
set -eu
umask 022

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
out=${1:-$top/target/debian}
BINDIR=${BINDIR:-$top/target/release}
version=$(awk -F'"' '/^version = / { print $2; exit }' "$top/Cargo.toml")
[ -n "$version" ] || { echo "build.sh: no version in $top/Cargo.toml" >&2; exit 1; }
architecture=$(dpkg --print-architecture)
maintainer="${DEBFULLNAME:-ebpfauditd} <${DEBEMAIL:-root@localhost}>"
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$top" log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH

mkdir -p "$out"
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 0755 "$root"

DESTDIR=$root PREFIX=/usr BINDIR=$BINDIR "$here/../install.sh"
# Rules that are there are the machine's own, not a file of this package: postinst copies these only if there are none.
install -d -m 0755 "$root/usr/share/ebpfauditd"
rm "$root/etc/audit/audit.rules"
mv "$root/etc/audit/rules.d/audit.rules" "$root/usr/share/ebpfauditd/audit.rules"
chmod 0644 "$root/usr/share/ebpfauditd/audit.rules"
strip --strip-debug "$root/usr/sbin/ebpfauditd" "$root/usr/sbin/auditctl" "$root/usr/sbin/augenrules" 2>/dev/null ||
    echo "build.sh: no strip (binutils): the programs keep their debug information" >&2

# The oldest C library that has every symbol version the programs ask for.
libc=$(cat "$root/usr/sbin/ebpfauditd" "$root/usr/sbin/auditctl" "$root/usr/sbin/augenrules" | grep -ao 'GLIBC_2\.[0-9]*' | sort -uV | tail -n 1)
libc=${libc#GLIBC_}
size=$(du -sk "$root" | cut -f 1)

install -d -m 0755 "$root/DEBIAN"
sed -e "s|@VERSION@|$version-1|" -e "s|@ARCHITECTURE@|$architecture|" -e "s|@MAINTAINER@|$maintainer|" \
    -e "s|@LIBC@|${libc:-2.36}|" -e "s|@SIZE@|$size|" "$here/control.in" > "$root/DEBIAN/control"
for script in postinst prerm postrm; do
    install -m 0755 "$here/$script" "$root/DEBIAN/$script"
done
install -m 0644 "$here/conffiles" "$root/DEBIAN/conffiles"
(cd "$root" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) > "$root/DEBIAN/md5sums"

find "$root" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
package=$out/ebpfauditd_$version-1_$architecture.deb
dpkg-deb --root-owner-group -Zxz --build "$root" "$package"
