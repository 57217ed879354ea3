#!/usr/bin/env bash
# Makes the Debian package: `bash .packaging/deb.sh`. Prints its path. KEYROTATION_PROGRAM names a program that is built
# already.
#
# One tree makes one package, byte for byte: times are those of the last commit, names are sorted, and owners are root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

TARGET=$(realpath -m "${CARGO_TARGET_DIR:-target}")
readonly TARGET OUT=$TARGET/package
VERSION=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
ARCH=$(dpkg --print-architecture)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
MAINTAINER=${KEYROTATION_MAINTAINER:-$(git log -1 --format='%an <%ae>')}
export SOURCE_DATE_EPOCH
umask 022

root=$OUT/root
docs=$root/usr/share/doc/keyrotation
bash .packaging/tree.sh "$root" /usr/share/zsh/vendor-completions
gzip -9nc >"$docs/changelog.gz" <<EOS
keyrotation ($VERSION) unstable; urgency=medium

  * What changed is in CHANGELOG.md.

 -- $MAINTAINER  $(date --utc --rfc-email --date="@$SOURCE_DATE_EPOCH")
EOS
cat >"$docs/copyright" <<EOS
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: keyrotation

Files: *
Copyright: $(date --utc --date="@$SOURCE_DATE_EPOCH" +%Y) the authors of keyrotation
License: Apache-2.0
 On Debian systems the full text of the licence is in
 /usr/share/common-licenses/Apache-2.0.
EOS

# What the program links to, as Debian's own tools find it out.
rm -rf "$OUT/shlibs"
mkdir -p "$OUT/shlibs/debian"
printf 'Source: keyrotation\n\nPackage: keyrotation\nArchitecture: any\n' >"$OUT/shlibs/debian/control"
depends=$(cd "$OUT/shlibs" && dpkg-shlibdeps -O "$root/usr/bin/keyrotation" 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
[[ -n $depends ]] || { echo "deb.sh: what the program links to is not known" >&2; exit 1; }

mkdir "$root/DEBIAN"
(cd "$root" && find usr -type f | LC_ALL=C sort | xargs md5sum) >"$root/DEBIAN/md5sums"
cat >"$root/DEBIAN/control" <<EOS
Package: keyrotation
Version: $VERSION
Architecture: $ARCH
Maintainer: $MAINTAINER
Installed-Size: $(du -sk --apparent-size "$root/usr" | cut -f 1)
Depends: $depends
Section: admin
Priority: optional
Description: rotation of the data encryption key of a WSO2 Identity Server
 Decrypts every value that an Identity Server stored encrypted, in its
 databases and configuration files, and encrypts it with a new key, in a copy
 of the deployment. A journal of every row and file lets it resume after any
 interruption, and proves afterwards what was done.
EOS
find "$root" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
package=$OUT/keyrotation_${VERSION}_${ARCH}.deb
dpkg-deb --root-owner-group -Zxz --build "$root" "$package" >/dev/null
echo "$package"
