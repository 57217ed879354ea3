#!/usr/bin/env bash
# Unpacks a database server of another Debian suite into a folder, without installing it:
# `tests/support/unpack.sh NAME FOLDER`, where NAME is one of the servers below.
#
# apt loads the packages and all that they depend on and verifies them by Debian's keys, with lists and a
# status of its own: this machine's packages do not change, and no script of a package runs. The programs are
# then led to the C library and the libraries beside them. It needs patchelf, and no rights.
set -euo pipefail

fail() {
    echo "tests/support/unpack.sh: $*" >&2
    exit 1
}

(($# == 2)) || fail "say NAME FOLDER"
readonly NAME=$1 FOLDER=$2
readonly KEYS=/usr/share/keyrings/debian-archive-keyring.gpg

case $NAME in
    mysql-9.7) suite=sid packages=(mysql-server-core mysql-client-core) ;;
    mariadb-11.8) suite=sid packages=(mariadb-server-core mariadb-client-core mariadb-client) ;;
    mariadb-10.5) suite=bullseye packages=(mariadb-server-core-10.5 mariadb-client-core-10.5 mariadb-client-10.5) ;;
    postgresql-18) suite=sid packages=(postgresql-18) ;;
    postgresql-13) suite=bullseye packages=(postgresql-13) ;;
    *) fail "there is no $NAME: it is one of mysql-9.7, mariadb-11.8, mariadb-10.5, postgresql-18, postgresql-13" ;;
esac

# The programs name the folder's own libraries: one that was moved or copied is unpacked again.
readonly WANTED="$suite ${packages[*]} $(realpath -m "$FOLDER") $(sha256sum <"${BASH_SOURCE[0]}")"
[[ -f $FOLDER/unpacked && $(<"$FOLDER/unpacked") == "$WANTED" ]] && exit 0

command -v patchelf >/dev/null || fail "patchelf is missing: apt-get install patchelf"
[[ -e $KEYS ]] || fail "$KEYS is missing: apt-get install debian-archive-keyring"
mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -n 1)
: "${mirror:=$(sed -n 's/^deb \(\[[^]]*\] \)\?\(http[^ ]*\).*/\2/p' /etc/apt/sources.list 2>/dev/null | head -n 1)}"
: "${mirror:=http://deb.debian.org/debian}"

rm -rf "$FOLDER"
mkdir -p "$FOLDER"/apt/{lists,cache/archives}/partial "$FOLDER/apt/none" "$FOLDER/root"
folder=$(cd "$FOLDER" && pwd)
: >"$folder/apt/status"
echo "deb [signed-by=$KEYS] $mirror $suite main" >"$folder/apt/sources.list"
get() {
    apt-get -qq -o Dir::Etc::sourcelist="$folder/apt/sources.list" -o Dir::Etc::sourceparts="$folder/apt/none" \
        -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts="$folder/apt/none" \
        -o Dir::State::Lists="$folder/apt/lists" -o Dir::State::status="$folder/apt/status" \
        -o Dir::Cache="$folder/apt/cache" -o APT::Install-Recommends=0 -o APT::Sandbox::User=root \
        -o Acquire::Languages=none -o Acquire::Check-Valid-Until=false -o Acquire::Retries=3 "$@"
}
get update
get -y -d install base-files "${packages[@]}" >/dev/null
dpkg -x "$folder"/apt/cache/archives/base-files_*.deb "$folder/root" # first: it has the links from /lib to /usr/lib
for package in "$folder"/apt/cache/archives/*.deb; do
    dpkg -x "$package" "$folder/root"
done
rm -rf "$folder/apt"

# Older suites have /lib beside /usr/lib, and an absolute link in /lib64.
readonly LOADER="$folder/root/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
readonly LIBRARIES="$folder/root/usr/lib/x86_64-linux-gnu:$folder/root/lib/x86_64-linux-gnu"
[[ -x $LOADER ]] || fail "$LOADER is missing: these servers are for x86_64"
for program in "$folder"/root/usr/{bin,sbin}/{my,maria,resolveip}* "$folder"/root/usr/lib/postgresql/*/bin/*; do
    if [[ -f $program && ! -L $program ]] && patchelf --print-interpreter "$program" >/dev/null 2>&1; then
        patchelf --set-interpreter "$LOADER" --force-rpath --set-rpath "$LIBRARIES" "$program"
    fi
done
mkdir "$folder/bin" # the server's own programs alone, for a PATH
for program in "$folder"/root/usr/{bin,sbin}/{my,maria}* "$folder"/root/usr/lib/postgresql/*/bin/*; do
    [[ ! -e $program ]] || ln -s "$program" "$folder/bin/"
done
echo "$WANTED" >"$FOLDER/unpacked"
