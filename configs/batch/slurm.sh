#!/usr/bin/env bash
# Train in a Slurm job that goes on in the next one, to the same bits as in a single job:
#
#   sbatch configs/batch/slurm.sh SPEC RUN_DIR [more options of mlp train]
#
#SBATCH --job-name=mlp
#SBATCH --time=01:00:00
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail

spec=${1:?the spec is missing}
run=${2:?the run directory is missing}
shift 2

# Slurm signals this shell alone: USR1 120 s before the time is over, TERM when it is preempted.
child='' received=''
forward() { received=$1; [[ -z $child ]] || kill -s "$1" "$child" 2>/dev/null || true; }
for name in USR1 TERM; do trap "forward $name" "$name"; done

mlp train "$spec" --run-dir "$run" --resume "$@" &
child=$!
[[ -z $received ]] || forward "$received" # it came before there was a child

# A signal ends `wait` too: ask again until the child is gone.
code=0
while :; do
    wait "$child" && code=0 || code=$?
    kill -0 "$child" 2>/dev/null || break
done

case $code in
    # Stopped in time (or the run is busy), or by HUP, INT, USR1, USR2, TERM, XCPU: it goes on in
    # the next job. Not after 137: what was killed for its memory would be killed again.
    75 | 129 | 130 | 138 | 140 | 143 | 152) scontrol requeue "$SLURM_JOB_ID" ;;
    *) exit "$code" ;;
esac
