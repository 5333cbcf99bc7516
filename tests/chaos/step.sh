# SPDX-License-Identifier: Apache-2.0
# step.sh KIND SECONDS LABEL [OUT [IN...]]: what a task of the chaos workflows does.
#
# Every execution appends "begin ID" and "end ID" to $AF2_MARKS/log, which lies outside the
# store. ID is LABEL/SUM, SUM being of the inputs: the same work has the same ID, whenever and
# wherever it runs. It takes SECONDS, unless AF2_FAST is set, then writes ID and its inputs to
# OUT. KIND:
#   plain    no more than that
#   daemon   leaves processes of another session behind that would write into OUT for minutes
#   family   leaves children of its own session behind
#   flaky    fails the first time, by a mark in $AF2_MARKS
#   fails    fails every time
#   parts    OUT is a folder; it gets eight files
#   folder   OUT is a folder; it gets a tree of files and a link
#   silent   writes nothing: a task without outputs
set -u
kind=$1 seconds=$2 label=$3 out=${4-}
[ $# -lt 4 ] || shift
shift 3
id=$label/none
# No pipe: whoever in it is killed, its status would be that of its last command.
if [ $# -gt 0 ]; then
    cat "$@" >inputs || exit 9
    id=$(cksum <inputs) || exit 9
    id=$label/${id% *}
fi
echo "begin $id" >>"$AF2_MARKS/log"

case $kind in
daemon)
    setsid sh -c 'trap "" TERM HUP; while sleep 300; do echo late >"$1"; done & sleep 300' \
        - "$out" </dev/null >/dev/null 2>&1 &
    ;;
family)
    sleep 300 &
    (sleep 300; echo late >"$out") &
    ;;
esac
[ -n "${AF2_FAST-}" ] || sleep "$seconds" || exit 8

case $kind in
flaky)
    if [ ! -e "$AF2_MARKS/$label" ]; then
        : >"$AF2_MARKS/$label"
        exit 7
    fi
    ;;
fails)
    exit 6
    ;;
esac

case $kind in
parts)
    for i in 1 2 3 4 5 6 7 8; do
        echo "$id
part $i" >"$out/p$i.txt" || exit 5
    done
    ;;
folder)
    mkdir "$out/sub" && echo "$id" >"$out/first" && echo "$id below" >"$out/sub/second" &&
        ln -s sub/second "$out/link" || exit 5
    ;;
silent) ;;
*)
    { echo "$id" && [ $# = 0 ] || cat "$@"; } >"$out" || exit 5
    ;;
esac
echo "end $id" >>"$AF2_MARKS/log"
