#!/usr/bin/env bash
# Makes docs/screen.svg, the picture in the README: `bash docs/screen.sh [PROGRAM]`.
#
# The commands are executed as they are shown, on a demo whose rotation is killed in the middle, and each line below
# them is what they printed.
set -euo pipefail
program=$(realpath "${1-$(dirname "$0")/../target/release/keyrotation}")
picture=$(realpath "$(dirname "$0")")/screen.svg

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/bin"
ln -s "$program" "$folder/bin/keyrotation"
export PATH="$folder/bin:$PATH"
keyrotation --quiet demo "$folder/demo" --tokens 20000 --no-run >/dev/null
cd "$folder/demo"

show() {
    echo "\$ $1"
    eval "$1" 2>/dev/null
    echo
}

# Killed in the middle of the largest table.
keyrotation run --max-rows-per-second 2000 >/dev/null 2>&1 &
until keyrotation status 2>/dev/null | grep -qE '^IDN_OAUTH2_ACCESS_TOKEN .*running +0 +[1-9]'; do sleep 0.2; done
kill -KILL $!
wait $! 2>/dev/null || true
{
    show "keyrotation status | head -n 9"
    show "keyrotation --quiet resume | tail -n 1"
    show "keyrotation --quiet verify"
} >screen.txt

{
    height=$(($(wc -l <screen.txt) * 18 + 16))
    echo "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 820 $height\" font-family=\"monospace\" font-size=\"13\">"
    echo "<title>A rotation that was killed: status, resume, verify</title>"
    echo '<rect width="100%" height="100%" rx="6" fill="#1e2127"/>'
    sed -e 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g' screen.txt | awk '$0 != "" {
        colour = /^\$ / ? "#98c379" : "#d7dae0"
        printf "<text x=\"14\" y=\"%d\" fill=\"%s\" xml:space=\"preserve\">%s</text>\n", NR * 18 + 8, colour, $0
    }'
    echo "</svg>"
} >"$picture"
