#!/usr/bin/env bash
# Fills a folder with what the packages install, without the demo: `bash .packaging/tree.sh ROOT ZSH_FOLDER`. ZSH_FOLDER
# is where the distribution's zsh looks for completions. Builds with the profile `dist`; KEYROTATION_PROGRAM names a
# program that is built already.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$1 zsh=$2
umask 022

readonly PROGRAM=${KEYROTATION_PROGRAM:-${CARGO_TARGET_DIR:-target}/dist/keyrotation}
[[ -n ${KEYROTATION_PROGRAM-} ]] || cargo build --profile dist --no-default-features --locked --quiet

rm -rf "$root"
docs=$root/usr/share/doc/keyrotation
mkdir -p "$root/usr/share/man/man1" "$docs/examples" "$docs/docs/errors" \
    "$root/usr/share/bash-completion/completions" "$root$zsh" "$root/usr/share/fish/vendor_completions.d"

install -D -m 755 "$PROGRAM" "$root/usr/bin/keyrotation"
strip --strip-unneeded "$root/usr/bin/keyrotation"
"$PROGRAM" man "$root/usr/share/man/man1"
gzip -9n "$root"/usr/share/man/man1/*.1
"$PROGRAM" completions bash >"$root/usr/share/bash-completion/completions/keyrotation"
"$PROGRAM" completions zsh >"$root$zsh/_keyrotation"
"$PROGRAM" completions fish >"$root/usr/share/fish/vendor_completions.d/keyrotation.fish"
install -m 644 README.md CHANGELOG.md "$docs/"
install -m 644 docs/*.md docs/screen.svg "$docs/docs/"
install -m 644 docs/errors/*.md "$docs/docs/errors/"
install -m 644 docs/keyrotation.service docs/deploy/Containerfile docs/deploy/job.yaml "$docs/examples/"
