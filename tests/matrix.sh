#!/usr/bin/env bash
# The suite and rounds of kills on the versions of servers that users run: `bash tests/matrix.sh`, or with the names of
# some: `bash tests/matrix.sh mysql-9.7 postgresql-18 --rounds 1000`. What is not installed is unpacked into
# target/test-servers (tests/support/unpack.sh).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly ALL=(mysql-9.7 mariadb-10.5 mariadb-10.11 mariadb-11.8 postgresql-13 postgresql-15 postgresql-18)

usage() {
    echo "bash tests/matrix.sh [NAME ...] [--rounds N], where NAME is one of ${ALL[*]}" >&2
    exit 2
}

names=() rounds=100
while (($#)); do
    case $1 in
        --rounds)
            rounds=${2-}
            shift 2 || usage ;;
        *)
            [[ " ${ALL[*]} " == *" $1 "* ]] || usage
            names+=("$1")
            shift ;;
    esac
done
((${#names[@]})) || names=("${ALL[@]}")

tools=$PWD/target/test-tools/bin
[[ -x $tools/cargo-nextest ]] || {
    echo "tests/matrix.sh: there is no cargo-nextest in $tools: bash tests/run.sh installs it" >&2
    exit 1
}
export PATH="$tools:$PATH"

# One server: its version, what is about deployments, what is about servers and sync, and kills.
on() {
    local name=$1 engine=${1%%-*} root failed=0
    case $name in
        mariadb-10.11 | postgresql-15) ;; # the installed ones
        *)
            root=target/test-servers/$name/root
            bash tests/support/unpack.sh "$name" "target/test-servers/$name"
            export "KEYROTATION_${engine^^}_ROOT=$PWD/$root" ;;
    esac
    export KEYROTATION_E2E=$engine
    run() {
        cargo nextest run --workspace --features failpoints --profile "$1" --no-fail-fast -E "binary(e2e) & $2" || failed=1
    }
    KEYROTATION_TEST_SERVERS=$engine run servers 'all()'
    run default "test(/^(servers|sync)::.*$engine/)"
    KEYROTATION_TEST_SERVERS=$engine KEYROTATION_ROUNDS=$rounds run torture 'test(/^contract::kill::/)'
    return "$failed"
}

failed=()
for name in "${names[@]}"; do
    printf '\n== %s\n' "$name"
    began=$SECONDS
    if (on "$name"); then
        echo "$name: all passed, $((SECONDS - began)) s"
    else
        failed+=("$name")
    fi
done
if ((${#failed[@]})); then
    echo "tests/matrix.sh: failed: ${failed[*]}" >&2
    exit 1
fi
