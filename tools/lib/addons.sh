# What every cluster has inside: DNS and metrics, as Deployments of our own images.
# shellcheck shell=bash source=tools/lib/home.sh disable=SC2154

# addon_ensure NAME MODULE: applied once per version and manifest; waits until it answers.
addon_ensure() {
  local name=$1 image recipe applied start
  image=localhost/$name:$(go_version "$name" "$2")
  recipe=$({ echo "$image"; cat "$repo/tools/cluster/$name.yaml"; } | sha256sum | cut -c1-12)
  start=$(now_ms)
  image_ensure "$image" "$bin/$name"
  applied=$(cluster_kubectl get deployment "$name" -n kube-system -o 'jsonpath={.metadata.annotations.pipeline-tools}' 2>/dev/null) || true
  if [[ $applied == "$recipe" ]] && "addon_answers_$name"; then
    say "$name" "already there"
    return
  fi
  if [[ $applied != "$recipe" ]]; then
    cluster_render "$name.yaml" image "$image" recipe "$recipe" |
      cluster_kubectl apply --server-side --force-conflicts --field-manager=pipeline-tools -f - >"$log/addon-$name.log" 2>&1 ||
      fail "$name" "its manifest was refused" "$log/addon-$name.log"
    kubectl_seconds=100 cluster_kubectl rollout status "deployment/$name" -n kube-system --timeout=90s >/dev/null 2>&1 || addon_failed "$name"
  fi
  until_true 90 "addon_answers_$name" || addon_failed "$name"
  say "$name" "answers, $image ($(took "$start"))"
}

# A Deployment's status may be of yesterday, when the node has just started: ask the program itself.
addon_answers_coredns() {
  local pod
  pod=$(cluster_kubectl get pods -n kube-system -l k8s-app=kube-dns -o 'jsonpath={.items[0].status.podIP}' 2>/dev/null)
  timeout 1 bash -c "</dev/tcp/$service_dns/53" 2>/dev/null &&
    timeout 1 bash -c "exec 3<>/dev/tcp/$pod/8181; printf 'GET /ready HTTP/1.0\r\n\r\n' >&3; grep -q '200 OK' <&3" 2>/dev/null
}
addon_answers_metrics-server() { kubectl_seconds=2 cluster_kubectl get --raw /apis/metrics.k8s.io/v1beta1 >/dev/null 2>&1; }

addon_failed() {
  addon_evidence "$1" >"$log/addon-$1.log" 2>&1 || true
  fail "$1" "does not answer after 90 s" "$log/addon-$1.log"
}

addon_evidence() {
  cluster_kubectl get events -n kube-system --sort-by=.lastTimestamp | tail -n 8
  cluster_kubectl logs -n kube-system "deployment/$1" --tail=6
}

addons_up() {
  addon_ensure coredns github.com/coredns/coredns
  addon_ensure metrics-server sigs.k8s.io/metrics-server
}
