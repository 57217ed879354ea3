#!/usr/bin/env bash
# Makes the RPM package: `bash .packaging/rpm.sh`. Prints its path. KEYROTATION_PROGRAM names a program that is built
# already. Needs rpmbuild.
#
# One tree makes one package, byte for byte: times are those of the last commit, and no host is named.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

TARGET=$(realpath -m "${CARGO_TARGET_DIR:-target}")
readonly TARGET OUT=$TARGET/rpm
VERSION=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
MAINTAINER=${KEYROTATION_MAINTAINER:-$(git log -1 --format='%an <%ae>')}
export SOURCE_DATE_EPOCH
umask 022

rm -rf "$OUT"
mkdir -p "$OUT"
bash .packaging/tree.sh "$OUT/tree" /usr/share/zsh/site-functions
install -D -m 644 LICENSE "$OUT/tree/usr/share/licenses/keyrotation/LICENSE"
# What it requires, rpmbuild reads from the program.
cat >"$OUT/keyrotation.spec" <<EOS
Name: keyrotation
Version: $VERSION
Release: 1
Summary: Rotation of the data encryption key of a WSO2 Identity Server
License: Apache-2.0
Group: System Environment/Base
Packager: $MAINTAINER

%description
Decrypts every value that an Identity Server stored encrypted, in its databases
and configuration files, and encrypts it with a new key, in a copy of the
deployment. A journal of every row and file lets it resume after any
interruption, and proves afterwards what was done.

%install
cp -a $OUT/tree/. %{buildroot}/

%files
%license /usr/share/licenses/keyrotation
%doc /usr/share/doc/keyrotation
/usr/bin/keyrotation
/usr/share/man/man1/*
/usr/share/bash-completion/completions/keyrotation
/usr/share/zsh/site-functions/_keyrotation
/usr/share/fish/vendor_completions.d/keyrotation.fish

%changelog
* $(LC_ALL=C date --utc --date="@$SOURCE_DATE_EPOCH" "+%a %b %d %Y") $MAINTAINER - $VERSION-1
- What changed is in CHANGELOG.md.
EOS
rpmbuild -bb --quiet --define "_topdir $OUT/build" --define "_rpmdir $OUT" --define "_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm" \
    --define "_buildhost localhost" --define "use_source_date_epoch_as_buildtime 1" \
    --define "clamp_mtime_to_source_date_epoch 1" --define "debug_package %{nil}" --define "_build_id_links none" \
    --define "__os_install_post %{nil}" --define "_binary_payload w9.xzdio" "$OUT/keyrotation.spec" >"$OUT/log" 2>&1 ||
    { cat "$OUT/log" >&2; exit 1; }
echo "$OUT/keyrotation-$VERSION-1.$(uname -m).rpm"
