#!/usr/bin/env bash
# thaw FOLDER: lets go of what stays frozen below FOLDER, a folder of the freezer of cgroups version 1.
#
# runc freezes a container while it changes what the container may use. When a node is removed in that moment, its runc
# dies, the container stays frozen, and what is frozen cannot be killed: the node would be there for ever.
set -euo pipefail

declare -A before=()
while sleep 2; do
  declare -A now=()
  while IFS= read -r file; do
    { state=$(<"$file"); } 2>/dev/null || continue
    [[ $state == FROZEN ]] || continue
    if [[ -z ${before[$file]-} ]]; then
      now[$file]=yes
    elif { echo THAWED >"$file"; } 2>/dev/null; then
      echo "thawed ${file%/*}"
    fi
  done < <(find "$1" -name freezer.state 2>/dev/null)
  before=()
  for file in "${!now[@]}"; do before[$file]=yes; done
done
