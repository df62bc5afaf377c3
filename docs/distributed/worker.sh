#!/usr/bin/env bash
# Sets TF_CONFIG from what Slurm tells each task, then runs the command given: srun docs/distributed/worker.sh COMMAND …
# One task a node. PORT (2222) must be free on every node.
set -euo pipefail
hosts=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed "s/.*/\"&:${PORT:-2222}\"/" | paste -sd, -)
export TF_CONFIG="{\"cluster\": {\"worker\": [$hosts]}, \"task\": {\"type\": \"worker\", \"index\": $SLURM_PROCID}}"
exec "$@"
