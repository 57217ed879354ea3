#!/usr/bin/env bash
# Makes docs/screen.svg, the picture in the README: `bash docs/screen.sh [PROGRAM]`.
#
# It runs the commands as they are shown, on a demo whose rotation is killed in the middle. Each line below a command is
# what it printed. Of `run`, the picture has what moves: the last state of its progress bar. Needs `script` (bsdutils).
set -euo pipefail
program=$(realpath "${1-$(dirname "$0")/../target/release/keyrotation}")
picture=$(realpath "$(dirname "$0")")/screen.svg
readonly COLUMNS_SHOWN=96

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

# In a terminal of its own, and killed in the middle of the largest table.
run="keyrotation run --max-rows-per-second 2000"
script --quiet --flush --return --command "stty rows 24 cols $COLUMNS_SHOWN; echo \$\$ >pid; exec $run" terminal \
    </dev/null >/dev/null 2>&1 &
until grep -qaE 'IDN_OAUTH2_ACCESS_TOKEN +\[.*\] +[3-9][0-9]%' terminal 2>/dev/null; do
    kill -0 $! # or it has ended before
    sleep 0.1
done
kill -KILL "$(<pid)"
wait $! 2>/dev/null || true
{
    echo "\$ $run"
    # A frame is everything between two control sequences, padded to full lines.
    sed -e 's/\r/\n/g; s/\x1b\[[0-9;]*[A-Za-z]/\n/g' terminal | grep '^rotating .*[0-9] rows' | tail -n 1 |
        fold -w $COLUMNS_SHOWN | sed -e 's/ *$//; /^$/d'
    echo Killed
    echo
    show "keyrotation status | head -n 8"
    show "keyrotation --quiet resume | tail -n 1"
    show "keyrotation --quiet verify | head -n 1"
} | sed -e '$d' >screen.txt

{
    height=$(($(wc -l <screen.txt) * 18 + 28))
    width=$(($(wc -L <screen.txt) * 79 / 10 + 32))
    cat <<EOS
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 $width $height" font-family="monospace" font-size="13">
<title>A rotation that was killed: run, status, resume, verify</title>
<style>
rect { fill: #f6f8fa; stroke: #d0d7de } text { fill: #1f2328 } .command { fill: #116329; font-weight: bold }
@media (prefers-color-scheme: dark) {
rect { fill: #161b22; stroke: #3d444d } text { fill: #e6edf3 } .command { fill: #7ee787 }
}
</style>
<rect x="0.5" y="0.5" width="$((width - 1))" height="$((height - 1))" rx="6"/>
EOS
    sed -e 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g' screen.txt | awk '$0 != "" {
        class = /^\$ / ? " class=\"command\"" : ""
        printf "<text x=\"16\" y=\"%d\"%s xml:space=\"preserve\">%s</text>\n", NR * 18 + 9, class, $0
    }'
    echo "</svg>"
} >"$picture"
