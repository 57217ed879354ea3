#!/usr/bin/env bash
# Sets up what the tests need and runs all of them: `bash tests/run.sh`.
#
# On Debian, with Rust and its components clippy and rustfmt there; the rest is installed: with
# apt-get (as root or with sudo) git, a C compiler, a JDK, Python, strace, PostgreSQL, MariaDB,
# OpenSSL, patchelf, H2, HSQLDB and Derby; from PyPI, into target/test-tools, what tests/tools.txt and
# tests/sqlfluff.txt name; MySQL is unpacked into target/test-servers (tests/support/unpack.sh). A tool that is missing is a failure, never
# a reason to leave a part out. docs/testing.md tells of the longer runs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly TOOLS=target/test-tools
readonly CLUSTERS_BESIDE="binary(e2e) & test(/^clusters::(postgresql|undecided)::/)"
readonly BUILD=(--workspace --features failpoints) # the same for every part, so that all share one build
export CARGO_TERM_COLOR=never
# One build from nothing is quicker without.
[[ ${CI-} != true && -d ${CARGO_TARGET_DIR:-target}/debug ]] || export CARGO_INCREMENTAL=0

fail() {
    echo "tests/run.sh: $*" >&2
    exit 1
}

has() {
    command -v "$1" >/dev/null
}

install_packages() {
    local missing=()
    has cc || missing+=(gcc libc6-dev)
    has git || missing+=(git)
    has javac || missing+=(default-jdk-headless)
    has sqlite3 || missing+=(sqlite3)
    has strace || missing+=(strace)
    has openssl || missing+=(openssl)
    has patchelf || missing+=(patchelf)
    [[ -e /usr/share/java/hsqldb.jar ]] || missing+=(libhsqldb-java)
    [[ -e /usr/share/java/derby.jar ]] || missing+=(libderby-java)
    # Servers of their own are started: the packages' services are not needed, and not touched.
    has mariadbd || [[ -x /usr/sbin/mariadbd ]] || missing+=(mariadb-server)
    # Clusters of them: tests/support/clusters.py
    compgen -G "/usr/lib*/galera*/libgalera_smm.so" >/dev/null || missing+=(galera-4)
    has rsync || missing+=(rsync)
    has mariadb || missing+=(mariadb-client)
    local driver
    for driver in h2 postgresql-jdbc mariadb; do
        # /usr/share/java/h2.jar, …/postgresql.jar, …/mariadb-java-client.jar
        compgen -G "/usr/share/java/${driver%-jdbc}*.jar" >/dev/null || missing+=("lib$driver-java")
    done
    has initdb || compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null || missing+=(postgresql)
    { has python3 && python3 -c 'import ensurepip, venv' 2>/dev/null; } || missing+=(python3 python3-venv)
    ((${#missing[@]})) || return 0
    has apt-get || fail "these Debian packages, or what is in them, are missing: ${missing[*]}"
    local as_root=()
    if [[ $(id -u) != 0 ]]; then
        has sudo || fail "run this as root, or install sudo or these packages: ${missing[*]}"
        as_root=(sudo)
    fi
    echo "installing ${missing[*]}"
    "${as_root[@]}" apt-get -qq update
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends -y \
        "${missing[@]}" >/dev/null
}

install_tools() {
    local wanted
    wanted=$(cat tests/tools.txt tests/sqlfluff.txt "${BASH_SOURCE[0]}" | sha256sum)
    [[ -f $TOOLS/installed && $(<"$TOOLS/installed") == "$wanted" ]] && return 0
    rm -rf "$TOOLS"
    python3 -m venv "$TOOLS"
    local pip=("$TOOLS/bin/pip" --quiet --disable-pip-version-check --no-input install)
    "${pip[@]}" --only-binary=:all: --require-hashes --requirement tests/tools.txt
    "${pip[@]}" --only-binary=:all: --require-hashes --requirement tests/sqlfluff.txt
    "${pip[@]}" cryptography==50.0.2 # an independent reading of what keyrotation seals
    "${pip[@]}" html5lib==1.1 # and of its report, by the rules that browsers follow
    "${pip[@]}" prometheus-client==0.26.0 # and of its metrics, in two formats
    echo "$wanted" >"$TOOLS/installed"
}

setup() {
    has cargo || fail "there is no cargo: install Rust, see https://rustup.rs"
    cargo clippy --version >/dev/null 2>&1 || fail "clippy is missing: rustup component add clippy"
    cargo fmt --version >/dev/null 2>&1 || fail "rustfmt is missing: rustup component add rustfmt"
    install_packages
    install_tools
    bash tests/support/unpack.sh mysql-9.7 target/test-servers/mysql-9.7
    cargo fetch --locked --quiet
    local tool PATH="$PWD/$TOOLS/bin:$PATH"
    for tool in "rustc --version" "cargo nextest --version" "cargo deny --version" "javac -version" \
        "python3 --version"; do
        $tool 2>&1 | head -n 1
    done
}

dependencies() {
    cargo deny --locked check bans licenses sources
    # The database of advisories is on GitHub. Where that is out of reach this is said, not failed:
    # advisories come without our doing, so each release needs a run where it is in reach.
    if cargo deny fetch db >target/advisories.log 2>&1; then
        cargo deny --locked check advisories
    else
        echo "NOT CHECKED: advisories, since the RustSec database cannot be reached"
    fi
}

# All that is run, and what nextest needs to know of it: then no part waits for another one's cargo.
build() {
    cargo metadata --format-version 1 --locked >target/metadata.json
    cargo nextest list "${BUILD[@]}" --list-type binaries-only --message-format json >target/binaries.json
}

# Runs tests with a profile; the rest says which.
nextest() {
    local log=target/nextest-$1.log
    cargo nextest run --binaries-metadata target/binaries.json --cargo-metadata target/metadata.json \
        --no-input-handler --profile "${@:2}" 2>&1 | tee "$log"
}

# Some clusters run in the other lane, so that both take as long.
tests() {
    nextest all ci -E "not ($CLUSTERS_BESIDE)"
}

tests_of_clusters() {
    nextest clusters ci -E "$CLUSTERS_BESIDE"
}

# A part of them with so few rows at a time that every walk crosses the end of a page.
tests_with_small_pages() {
    KEYROTATION_SIZES=3 KEYROTATION_TEST_SERVERS="" nextest small-pages small-pages-ci
}

# The same deployments with their databases on a server.
tests_on() {
    KEYROTATION_E2E=$1 KEYROTATION_TEST_SERVERS=$1 nextest "$1" servers-ci "${@:2}"
}

# A part of them by way of the JDBC bridge.
tests_over_jdbc() {
    local database
    for database in h2 postgresql-jdbc mariadb-jdbc; do
        local but=()
        [[ $database == h2 ]] || but=(-E 'test(/^contract::smoke::/)') # the others have drivers that are quicker
        KEYROTATION_E2E=$database KEYROTATION_TEST_SERVERS=${database%-jdbc} nextest "$database" jdbc-ci "${but[@]}"
    done
}

# A smaller part of it, on H2 as it stands in for databases that are not here.
tests_on_stand_ins() {
    local database
    for database in h2-as-oracle h2-as-sqlserver h2-as-db2; do
        local but=() # refused rows take longest, and differ only in the words of savepoints
        [[ $database == h2-as-sqlserver ]] || but=(-E 'not test(/^contract::/)')
        KEYROTATION_E2E=$database nextest "$database" stand-ins-ci "${but[@]}"
    done
}

# With the tests' crash points, and as it is packaged: without, and without the demo. To ask for examples, of which there is
# one, has the second take every dependency as the first has read it, with what tests need of them.
lints() {
    cargo clippy "${BUILD[@]}" --all-targets --quiet -- -D warnings
    cargo clippy --workspace --no-default-features --lib --bins --examples --quiet -- -D warnings
}

# Examples are asked for once more, so that cargo takes the dependencies as clippy has read them; and by way of clippy, as
# cargo calls it, so that it takes our own crates, too.
documentation() {
    RUSTC_WORKSPACE_WRAPPER=$(rustc --print sysroot)/bin/clippy-driver CLIPPY_ARGS="-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__" \
        RUSTDOCFLAGS="-D warnings" cargo doc "${BUILD[@]}" --lib --examples --no-deps --document-private-items --quiet
}

# The README's first command, without the release build.
demo() {
    local last
    folder=$(mktemp -d) # not local: the trap runs after the function
    trap 'rm -rf "$folder"' EXIT
    "${CARGO_TARGET_DIR:-target}/debug/keyrotation" --quiet demo "$folder/demo" >"$folder/out"
    last=$(tail -n 1 "$folder/out")
    echo "$last"
    [[ $last =~ ^"Demo done and verified: "[0-9,]+" rows and "[0-9]+" files are now under the new key, ".*" 0 failed."$ ]]
}

tree() {
    git status --porcelain
    git diff HEAD
}

unchanged() {
    tree | diff "$BEFORE" - || fail "the tests changed the work tree"
}

# Runs a part in a shell of its own, so that one that fails does not keep the others from running, and notes how it went.
part() {
    local name=$1 began=$SECONDS status
    shift
    printf '\n== %s\n' "$name"
    set +e
    (
        set -e
        "$@"
    )
    status=$?
    set -e
    printf '%d\t%d\t%s\n' "$status" "$((SECONDS - began))" "$name" >>"$PARTS"
}

# Parts one after the other, beside other lanes. What a part says is shown when it is done, in one piece.
lane() {
    local name function
    while (($#)); do
        name=$1 function=$2
        shift 2
        part "$name" eval "$function" >"$BESIDE/$BASHPID" 2>&1 </dev/null
        cat "$BESIDE/$BASHPID"
    done
}

# Lints compile while tests wait: they get what the tests leave of the processors.
behind() {
    renice -n 10 "$BASHPID" >/dev/null
    lane "$@"
}

# In a process group each, to be ended as one.
start() {
    set -m
    "$@" &
    set +m
    lanes+=($!)
}

end_lanes() {
    local lane
    for lane in "${lanes[@]}"; do
        kill -- "-$lane" 2>/dev/null || true
    done
}

mkdir -p target
rm -f target/nextest*.log
lanes=() failed=()
BESIDE=$(mktemp -d)
PARTS=$BESIDE/parts
BEFORE=$BESIDE/before
trap 'end_lanes; rm -rf "$BESIDE"' EXIT
part "setup" setup
grep -q $'^0\t' "$PARTS" || fail "the setup failed"
PATH="$PWD/$TOOLS/bin:$PATH"
tree >"$BEFORE"

part "format" cargo fmt --all --check
part "dependencies" dependencies
part "build" build
tail -n 1 "$PARTS" | grep -q $'^0\t' || fail "the build failed"

# Most tests wait, for servers and for each other, so that two lanes of them fill two processors and no more.
start lane "tests" tests
start lane \
    "tests on MySQL" "tests_on mysql" \
    "tests on PostgreSQL" "tests_on postgresql" \
    "tests on stand-ins" tests_on_stand_ins \
    "tests over JDBC" tests_over_jdbc \
    "tests on MariaDB" "tests_on mariadb -E 'test(/^contract::(failures|smoke|values)::/)'" \
    "tests, small pages" tests_with_small_pages \
    "tests of clusters" tests_of_clusters \
    "demo" demo
start behind \
    "lints" lints \
    "documentation" documentation \
    "documentation tests" 'cargo test "${BUILD[@]}" --doc --quiet'
for lane in "${lanes[@]}"; do
    wait "$lane" || failed+=("a lane that did not come to its end")
done
lanes=()
part "work tree" unchanged

printf '\n'
while IFS=$'\t' read -r status seconds name; do
    printf '%-22s %4d s\n' "$name" "$seconds"
    [[ $status == 0 ]] || failed+=("$name")
done <"$PARTS"
printf '%-22s %4d s\n\n' "in all" "$SECONDS"

# The counts of nextest's summaries, such as: Summary [  9.1s] 410 tests run: 409 passed, 1 failed, 0 skipped
passed=0 not_passed=0
for log in target/nextest-{all,clusters,small-pages,postgresql,mariadb,mysql,h2,postgresql-jdbc,mariadb-jdbc,h2-as-oracle,h2-as-sqlserver,h2-as-db2}.log; do
    summary=$(grep -E '^ *Summary \[' "$log" | tail -n 1) || fail "no test was run, see $log"
    count() {
        grep -oE "[0-9]+ $1" <<<"$summary" | cut -d ' ' -f 1 || echo 0
    }
    ((passed += $(count passed))) || true
    ((not_passed += $(count failed) + $(count "timed out"))) || true
done
echo "$passed passed, $not_passed failed"
if ((${#failed[@]})); then
    fail "these parts failed: ${failed[*]}"
fi
