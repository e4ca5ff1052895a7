# Which kubeconfig contexts the pipeline may touch, and whether the user's own one answers already.
# shellcheck shell=bash source=tools/lib/home.sh disable=SC2154

# contexts_allowed: from `contexts: [a, b]` in the root pipeline.yaml; only ours when there is none.
contexts_allowed() {
  local file=$repo/pipeline.yaml
  if [[ -f $file ]] && grep -qE '^ *contexts: *\[' "$file"; then
    sed -nE 's/^ *contexts: *\[([^]]*)\].*/\1/p' "$file" | head -1 | tr -d "\"' " | tr ',' '\n'
  else
    echo "$context"
  fi
}

# contexts_answering CONTEXT...: the first that is in the user's kubeconfig, is not ours, and answers.
contexts_answering() {
  local name own=${KUBECONFIG:-$HOME/.kube/config}
  [[ $own != "$kubeconfig" && -f ${own%%:*} ]] && command -v kubectl >/dev/null || return 1
  for name in "$@"; do
    kubectl config get-contexts -o name 2>/dev/null | grep -qxF "$name" || continue
    if timeout 5 kubectl --context "$name" --request-timeout=4s get --raw /readyz >/dev/null 2>&1; then
      echo "$name"
      return
    fi
  done
  return 1
}
