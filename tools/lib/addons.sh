# What every cluster has inside: DNS and metrics, as Deployments of our own images.
# shellcheck shell=bash source=tools/lib/home.sh disable=SC2154

# addon_ensure NAME MODULE: applied once per version and manifest; waits until it is available.
addon_ensure() {
  local name=$1 image recipe start
  image=localhost/$name:$(go_version "$name" "$2")
  recipe=$({ echo "$image"; cat "$repo/tools/cluster/$name.yaml"; } | sha256sum | cut -c1-12)
  start=$(now_ms)
  if [[ $(cluster_kubectl get deployment "$name" -n kube-system \
    -o 'jsonpath={.metadata.annotations.pipeline-tools} {.status.availableReplicas}' 2>/dev/null) == "$recipe 1" ]]; then
    say "$name" "already there"
    return
  fi
  image_ensure "$image" "$bin/$name"
  cluster_render "$name.yaml" image "$image" recipe "$recipe" |
    cluster_kubectl apply --server-side --force-conflicts --field-manager=pipeline-tools -f - >"$log/addon-$name.log" 2>&1 ||
    fail "$name" "its manifest was refused" "$log/addon-$name.log"
  kubectl_seconds=100 cluster_kubectl rollout status "deployment/$name" -n kube-system --timeout=90s >/dev/null 2>&1 || {
    addon_evidence "$name" >"$log/addon-$name.log" 2>&1 || true
    fail "$name" "not available within 90 s" "$log/addon-$name.log"
  }
  say "$name" "ready, $image ($(took "$start"))"
}

addon_evidence() {
  cluster_kubectl get events -n kube-system --sort-by=.lastTimestamp | tail -n 8
  cluster_kubectl logs -n kube-system "deployment/$1" --tail=6
}

addons_up() {
  addon_ensure coredns github.com/coredns/coredns
  addon_ensure metrics-server sigs.k8s.io/metrics-server
}
