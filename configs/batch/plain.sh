#!/usr/bin/env bash
# Train in pieces of LIMIT (55m) until it is done, to the same bits as in one piece:
#
#   LIMIT=55m configs/batch/plain.sh SPEC RUN_DIR [more options of mlp train]
#
set -euo pipefail

spec=${1:?the spec is missing}
run=${2:?the run directory is missing}
shift 2

# What ends this script ends the training in good order; the same command goes on.
child='' received=''
forward() { received=$1; [[ -z $child ]] || kill -s TERM "$child" 2>/dev/null || true; }
for name in HUP INT TERM; do trap "forward $name" "$name"; done

code=75
while [[ -z $received ]]; do
    timeout --kill-after=60 "${LIMIT:-55m}" mlp train "$spec" --run-dir "$run" --resume "$@" &
    child=$!
    [[ -z $received ]] || forward "$received" # it came before there was a child

    # A signal ends `wait` too: ask again until the child is gone.
    while :; do
        wait "$child" && code=0 || code=$?
        kill -0 "$child" 2>/dev/null || break
    done
    case $code in
        # By timeout, stopped in time (or the run is busy), or by HUP, INT, USR1, USR2, TERM, XCPU.
        75 | 124 | 129 | 130 | 138 | 140 | 143 | 152) sleep "${PAUSE:-1}" ;;
        *) exit "$code" ;;
    esac
done
exit "$code"
