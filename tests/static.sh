#!/usr/bin/env bash
# Builds the static program and tries it: `bash tests/static.sh`. Not a part of tests/run.sh, since its build takes its
# time. Needs root (for chroot), musl-tools and binutils, and `rustup target add x86_64-unknown-linux-musl`. KEYROTATION_PROGRAM names a
# program that is built already.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
    echo "tests/static.sh: $*" >&2
    exit 1
}

readonly MUSL=x86_64-unknown-linux-musl
for tool in musl-gcc readelf; do
    command -v $tool >/dev/null || fail "$tool is missing"
done
program=${KEYROTATION_PROGRAM:-${CARGO_TARGET_DIR:-target}/$MUSL/dist/keyrotation}
[[ -n ${KEYROTATION_PROGRAM-} ]] || cargo build --profile dist --no-default-features --locked --quiet --target $MUSL

needs=$(readelf --dynamic --program-headers --wide "$program" | grep -E '\(NEEDED\)|INTERP' || true)
[[ -z $needs ]] || fail "it is not static: $needs"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# Nothing of this machine is there but the program and a folder.
mkdir "$folder/tmp"
cp "$program" "$folder/keyrotation"
cargo run --locked --quiet -- --quiet demo "$folder/tmp/demo" --no-run >/dev/null # the deployment that it is tried on
rotation=(chroot "$folder" /keyrotation --quiet --config /tmp/demo/properties.yaml)
"${rotation[@]}" run >"$folder/log" || fail "run says: $(tail -n 1 "$folder/log")"
verdict=$("${rotation[@]}" verify | head -n 1)
[[ $verdict == *" rows and files are as recorded, "*" 0 differ." ]] || fail "verify says: $verdict"
echo "$verdict"
echo "static, $(stat -c %s "$program") bytes, tried in an empty root"
