#!/usr/bin/env bash
# Makes the Debian package from a build of the profile `dist`, without the demo: `bash .packaging/deb.sh`. Prints
# its path. KEYROTATION_PROGRAM names a program that is built already.
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

readonly PROGRAM=${KEYROTATION_PROGRAM:-$TARGET/dist/keyrotation}
[[ -n ${KEYROTATION_PROGRAM-} ]] || cargo build --profile dist --no-default-features --locked --quiet

rm -rf "$OUT/root" "$OUT/shlibs"
root=$OUT/root
docs=$root/usr/share/doc/keyrotation
mkdir -p "$root/usr/share/man/man1" "$docs/examples" "$OUT/shlibs/debian" \
    "$root/usr/share/bash-completion/completions" "$root/usr/share/zsh/vendor-completions" \
    "$root/usr/share/fish/vendor_completions.d"

install -D -m 755 "$PROGRAM" "$root/usr/bin/keyrotation"
strip --strip-unneeded "$root/usr/bin/keyrotation"
"$PROGRAM" man "$root/usr/share/man/man1"
gzip -9n "$root"/usr/share/man/man1/*.1
"$PROGRAM" completions bash >"$root/usr/share/bash-completion/completions/keyrotation"
"$PROGRAM" completions zsh >"$root/usr/share/zsh/vendor-completions/_keyrotation"
"$PROGRAM" completions fish >"$root/usr/share/fish/vendor_completions.d/keyrotation.fish"
install -m 644 README.md "$docs/README.md"
mkdir -p "$docs/docs/errors"
install -m 644 docs/*.md docs/screen.svg "$docs/docs/"
install -m 644 docs/errors/*.md "$docs/docs/errors/"
install -m 644 CHANGELOG.md "$docs/CHANGELOG.md"
gzip -9nc >"$docs/changelog.gz" <<EOF
keyrotation ($VERSION) unstable; urgency=medium

  * What changed is in CHANGELOG.md.

 -- $MAINTAINER  $(date --utc --rfc-email --date="@$SOURCE_DATE_EPOCH")
EOF
install -m 644 docs/keyrotation.service "$docs/examples/keyrotation.service"
cat >"$docs/copyright" <<EOF
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: keyrotation

Files: *
Copyright: $(date --utc --date="@$SOURCE_DATE_EPOCH" +%Y) the authors of keyrotation
License: Apache-2.0
 On Debian systems the full text of the licence is in
 /usr/share/common-licenses/Apache-2.0.
EOF

# What the program links to, as Debian's own tools find it out.
printf 'Source: keyrotation\n\nPackage: keyrotation\nArchitecture: any\n' >"$OUT/shlibs/debian/control"
depends=$(cd "$OUT/shlibs" && dpkg-shlibdeps -O "$root/usr/bin/keyrotation" 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
[[ -n $depends ]] || { echo "deb.sh: what the program links to is not known" >&2; exit 1; }

mkdir "$root/DEBIAN"
(cd "$root" && find usr -type f | LC_ALL=C sort | xargs md5sum) >"$root/DEBIAN/md5sums"
cat >"$root/DEBIAN/control" <<EOF
Package: keyrotation
Version: $VERSION
Architecture: $ARCH
Maintainer: $MAINTAINER
Installed-Size: $(du -sk --apparent-size "$root/usr" | cut -f 1)
Depends: $depends
Section: admin
Priority: optional
Description: rotation of the data encryption key of a WSO2 Identity Server
 Opens every value that an Identity Server stored encrypted, in its databases
 and configuration files, and seals it with a new key, in a copy of the
 deployment. A journal of every row and file lets it go on after any
 interruption, and proves afterwards what was done.
EOF
find "$root" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
package=$OUT/keyrotation_${VERSION}_${ARCH}.deb
dpkg-deb --root-owner-group -Zxz --build "$root" "$package" >/dev/null
echo "$package"
