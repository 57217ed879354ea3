#!/usr/bin/env bash
# Builds the Debian package and the RPM package and tests them: `bash tests/package.sh`. Not a part of tests/run.sh,
# since its build takes its time. Needs Debian, as root, with dpkg-dev, man-db, systemd and rpm; lintian, rpmlint, zsh
# and fish are used where they are.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
    echo "tests/package.sh: $*" >&2
    exit 1
}

for tool in dpkg-deb dpkg-shlibdeps man systemd-analyze rpmbuild; do
    command -v $tool >/dev/null || fail "$tool is missing"
done

package=$(bash .packaging/deb.sh)
rpm=$(bash .packaging/rpm.sh)
first=$(cat "$package" "$rpm" | sha256sum)
bash .packaging/deb.sh >/dev/null
bash .packaging/rpm.sh >/dev/null
[[ $(cat "$package" "$rpm" | sha256sum) == "$first" ]] || fail "built twice, the packages are not the same files"
for built in "$package" "$rpm"; do
    echo "built $built: $(stat -c %s "$built") bytes, the same twice"
done

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates"
touch "$root/var/lib/dpkg/status" "$root/var/lib/dpkg/available"
# The C library that it depends on is this machine's.
in_root=(dpkg --root="$root" --log=/dev/null --force-depends --force-not-root --force-script-chrootless)
"${in_root[@]}" --install "$package" >"$root/log" 2>&1 || fail "it cannot be installed: $(<"$root/log")"
[[ $(dpkg --root="$root" -s keyrotation | sed -n 's/^Status: //p') == "install ok installed" ]] || fail "not installed"

program=$root/usr/bin/keyrotation
"$program" --version
if "$program" help demo >/dev/null 2>&1; then fail "the demo is not for those who install it"; fi
cargo run --locked --quiet -- --quiet demo "$root/demo" --no-run >/dev/null # the deployment that it is tried on
"$program" --quiet --config "$root/demo/properties.yaml" run >"$root/log" || fail "run says: $(tail -n 1 "$root/log")"
verdict=$("$program" --quiet --config "$root/demo/properties.yaml" verify | head -n 1)
[[ $verdict == *" rows and files are as recorded, "*" 0 differ." ]] || fail "verify says: $verdict"
echo "$verdict"

commands=$("$program" help | sed -n '/^Prepare:/,/^Options/s/^  \([a-z][a-z-]*\)  .*/\1/p')
(($(wc -w <<<"$commands") > 20)) || fail "help lists $commands"
for command in $commands; do
    [[ $command == help || -f $root/usr/share/man/man1/keyrotation-$command.1.gz ]] || fail "no page for $command"
done
pages=0
for page in "$root"/usr/share/man/man1/*.1.gz; do
    said=$(LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 "$page" 2>&1 >/dev/null)
    [[ -z $said ]] || fail "$page: $said"
    pages=$((pages + 1))
done
echo "$pages manual pages, none with a warning"

bash -n "$root/usr/share/bash-completion/completions/keyrotation"
bash -c 'source "$1"; COMP_WORDS=(keyrotation ver); COMP_CWORD=1; _keyrotation keyrotation ver keyrotation; [[ ${COMPREPLY[*]} == verify ]]' \
    bash "$root/usr/share/bash-completion/completions/keyrotation" || fail "bash does not complete ver to verify"
checked=(bash) missing=()
if command -v zsh >/dev/null; then
    zsh -n "$root/usr/share/zsh/vendor-completions/_keyrotation"
    # In a terminal: what stands there once Tab is pressed.
    cat >"$root/complete.zsh" <<'EOF'
zmodload zsh/zpty
completed() {
    local said
    zpty line "zsh -f -i"
    zpty -w line "PS1= PS2=; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D; print rea''dy"
    zpty -r -m line said '*ready*' && zpty -n -w line "$2"$'\t' && zpty -r -m line said "*$3*"
    local failed=$?
    zpty -d line
    return $failed
}
completed $1 "keyrotation ver" "keyrotation verify" && completed $1 "keyrotation status --wait dr" "drained"
EOF
    timeout 60 zsh -f "$root/complete.zsh" "$root/usr/share/zsh/vendor-completions" || fail "zsh does not complete"
    checked+=(zsh)
else
    missing+=(zsh)
fi
if command -v fish >/dev/null; then
    fish --no-execute "$root/usr/share/fish/vendor_completions.d/keyrotation.fish"
    for line in "ver=verify" "status --wait dr=drained" "report --format h=html"; do
        found=$(fish -c 'source $argv[1]; complete -C "keyrotation $argv[2]"' \
            "$root/usr/share/fish/vendor_completions.d/keyrotation.fish" "${line%=*}")
        [[ $found == *"${line#*=}"* ]] || fail "fish does not complete ${line%=*} to ${line#*=}: $found"
    done
    checked+=(fish)
else
    missing+=(fish)
fi
echo "completions checked with: ${checked[*]}"
[[ ${#missing[@]} == 0 ]] || echo "NOT CHECKED: completions of ${missing[*]}, which are not installed"

# The unit names the installed program; here that is another place.
unit=$root/keyrotation.service
sed "s,/usr/bin/keyrotation,$program,; s,^User=.*,User=$(id -un)," "$root/usr/share/doc/keyrotation/examples/keyrotation.service" >"$unit"
systemd-analyze verify --man=no "$unit" || fail "the unit is wrong"
systemd-analyze security --offline=true "$unit" | tail -n 1

if command -v lintian >/dev/null; then
    # unsafe-libyaml is no copy of libyaml, but the same in Rust.
    lintian --allow-root --fail-on error --suppress-tags embedded-library "$package" || fail "lintian finds errors"
    echo "lintian finds no error"
else
    echo "NOT CHECKED: lintian is not installed"
fi

# The RPM package has the same program, pages and completions.
rpm_in_root=(rpm --root "$root/rpm" --nodeps)
rpm --root "$root/rpm" --initdb
"${rpm_in_root[@]}" --install "$rpm" >"$root/log" 2>&1 || fail "the RPM package cannot be installed: $(<"$root/log")"
"${rpm_in_root[@]}" --verify keyrotation || fail "the RPM package's files are not as recorded"
own="changelog.gz|copyright|licenses/|vendor-completions/_keyrotation|site-functions/_keyrotation"
differ=$(diff <(cd "$root/usr" && find . -type f -exec sha256sum {} + | grep -vE "$own" | sort) \
    <(cd "$root/rpm/usr" && find . -type f ! -path './lib/sysimage/*' -exec sha256sum {} + | grep -vE "$own" | sort)) ||
    fail "the two packages differ: $differ"
cmp "$root/usr/share/zsh/vendor-completions/_keyrotation" "$root/rpm/usr/share/zsh/site-functions/_keyrotation"
needs=$(rpm -qp --requires "$rpm")
[[ $needs == *"libc.so.6"* ]] || fail "the RPM package does not require the C library that it links to: $needs"
if command -v rpmlint >/dev/null; then
    # It has no signature, since the project has no signing key.
    errors=$(rpmlint "$rpm" 2>&1 | grep ': E: ' | grep -v ': E: no-signature' || true)
    [[ -z $errors ]] || fail "rpmlint finds errors: $errors"
    echo "rpmlint finds no error but the missing signature"
else
    echo "NOT CHECKED: rpmlint is not installed"
fi
"${rpm_in_root[@]}" --erase keyrotation
left=$(find "$root/rpm/usr" -name '*keyrotation*')
[[ -z $left ]] || fail "after the RPM package was removed, these stay: $left"
echo "the RPM package: installed, compared and removed; it needs $(grep -o 'GLIBC_[0-9.]*' <<<"$needs" | sort -Vu | tail -n 1)"

"${in_root[@]}" --purge keyrotation >"$root/log" 2>&1 || fail "it cannot be removed: $(<"$root/log")"
left=$(find "$root/usr" -type f 2>/dev/null || true)
[[ -z $left ]] || fail "after it was removed, these stay: $left"
echo "installed, tried and removed"
