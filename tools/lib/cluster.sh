# The local cluster: one real node of Kubernetes, each part a process of this machine.
# shellcheck shell=bash source=tools/lib/home.sh disable=SC2154

# In the order they start; they stop in the reverse one.
cluster_daemons=(etcd kube-apiserver kube-controller-manager kube-scheduler containerd kubelet kube-proxy)
etcd_port=23790

cluster_kubectl() { timeout "${kubectl_seconds:-10}" kubectl --kubeconfig "$kubeconfig" "$@"; }

cluster_all_alive() {
  local name
  for name in "${cluster_daemons[@]}"; do daemon_alive "$name" || return 1; done
}

cluster_any_alive() {
  local name
  for name in "${cluster_daemons[@]}"; do ! daemon_alive "$name" || return 0; done
  return 1
}

cluster_ready() {
  [[ -f $kubeconfig ]] && cluster_all_alive &&
    [[ $(cluster_kubectl get node "$node" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}' 2>/dev/null) == True ]]
}

# cluster_render FILE [NAME VALUE]...: tools/cluster/FILE with its @name@ filled in.
cluster_render() {
  local file=$1 edits=() name
  shift
  for name in run state pki bridge cgroup pod_network service_dns; do edits+=(-e "s|@$name@|${!name}|g"); done
  while (($#)); do edits+=(-e "s|@$1@|$2|g"); shift 2; done
  sed "${edits[@]}" "$repo/tools/cluster/$file"
}

cluster_configure() {
  mkdir -p "$run/cni" "$state/etcd" "$state/kubelet" "$state/containerd"
  chmod 700 "$state/etcd"
  cluster_render containerd.toml pause "$(image_pause)" >"$run/containerd.toml"
  cluster_render bridge.conflist mtu "$(uplink_mtu)" >"$run/cni/10-bridge.conflist"
  cluster_render kubelet.yaml >"$run/kubelet.yaml"
}

# Starts whatever is not alive; each part waits by itself for those it needs.
cluster_start_daemons() {
  local address
  address=$(node_address)
  daemon_start etcd etcd --name local --data-dir "$state/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls "https://127.0.0.1:$etcd_port" --advertise-client-urls "https://127.0.0.1:$etcd_port" \
    --listen-peer-urls "http://127.0.0.1:$((etcd_port + 1))" --initial-advertise-peer-urls "http://127.0.0.1:$((etcd_port + 1))" \
    --initial-cluster "local=http://127.0.0.1:$((etcd_port + 1))" \
    --cert-file "$pki/etcd.crt" --key-file "$pki/etcd.key" --client-cert-auth --trusted-ca-file "$pki/ca.crt"
  daemon_start kube-apiserver kube-apiserver \
    --etcd-servers="https://127.0.0.1:$etcd_port" --etcd-cafile="$pki/ca.crt" \
    --etcd-certfile="$pki/etcd.crt" --etcd-keyfile="$pki/etcd.key" \
    --bind-address=0.0.0.0 --secure-port="$api_port" --advertise-address="$address" --endpoint-reconciler-type=lease \
    --service-cluster-ip-range="$service_network" \
    --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" --client-ca-file="$pki/ca.crt" \
    --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged --profiling=false \
    --service-account-issuer=https://kubernetes.default.svc.cluster.local \
    --service-account-key-file="$pki/service-accounts.key" --service-account-signing-key-file="$pki/service-accounts.key" \
    --kubelet-preferred-address-types=InternalIP --kubelet-certificate-authority="$pki/ca.crt" \
    --kubelet-client-certificate="$pki/apiserver-kubelet-client.crt" --kubelet-client-key="$pki/apiserver-kubelet-client.key" \
    --proxy-client-cert-file="$pki/front-proxy-client.crt" --proxy-client-key-file="$pki/front-proxy-client.key" \
    --requestheader-client-ca-file="$pki/front-proxy-ca.crt" --requestheader-allowed-names=front-proxy-client \
    --requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group \
    --requestheader-extra-headers-prefix=X-Remote-Extra-
  daemon_start containerd containerd --config "$run/containerd.toml"
  # The others give up, or back off for long, when the API server is not there yet.
  until_true 60 cluster_kubectl get --raw /readyz ||
    fail cluster "the API server did not answer within 60 s" "$log/kube-apiserver.log"
  daemon_start kube-controller-manager kube-controller-manager --kubeconfig="$pki/controller-manager.kubeconfig" \
    --bind-address=127.0.0.1 --leader-elect=false --use-service-account-credentials --profiling=false \
    --service-account-private-key-file="$pki/service-accounts.key" --root-ca-file="$pki/ca.crt" \
    --cluster-signing-cert-file="$pki/ca.crt" --cluster-signing-key-file="$pki/ca.key" \
    --cluster-cidr="$pod_network" --allocate-node-cidrs=false
  daemon_start kube-scheduler kube-scheduler --kubeconfig="$pki/scheduler.kubeconfig" \
    --bind-address=127.0.0.1 --leader-elect=false --profiling=false
  until_true 30 image_ctr version || fail cluster "containerd did not answer within 30 s" "$log/containerd.log"
  image_pause_ensure
  daemon_start kubelet kubelet --kubeconfig="$pki/kubelet.kubeconfig" --config="$run/kubelet.yaml" \
    --root-dir="$state/kubelet" --hostname-override="$node" --node-ip="$address"
  # 0 leaves this machine's conntrack limits as they are.
  daemon_start kube-proxy kube-proxy --kubeconfig="$pki/proxy.kubeconfig" --hostname-override="$node" \
    --proxy-mode=iptables --cluster-cidr="$pod_network" --conntrack-max-per-core=0 --oom-score-adj=0
}

# cluster_node_heard SINCE: the node was Ready in a report of its kubelet after that second; etcd may remember an older one.
cluster_node_heard() {
  local status heard
  read -r status heard < <(cluster_kubectl get node "$node" \
    -o 'jsonpath={range .status.conditions[?(@.type=="Ready")]}{.status} {.lastHeartbeatTime}{"\n"}{end}') || return 1
  [[ $status == True ]] && (($(date -d "$heard" +%s) >= $1))
}

# cluster_wait SINCE
cluster_wait() {
  kubectl_seconds=70 cluster_kubectl wait --for=create "node/$node" --timeout=60s >/dev/null 2>&1 &&
    kubectl_seconds=70 cluster_kubectl wait --for=condition=Ready "node/$node" --timeout=60s >/dev/null 2>&1 &&
    until_true 60 cluster_node_heard "$1" ||
    fail cluster "the node was not Ready within 60 s" "$log/kubelet.log"
  kubectl_seconds=40 cluster_kubectl wait --for=create serviceaccount/default --timeout=30s >/dev/null 2>&1 ||
    fail cluster "no default ServiceAccount within 30 s" "$log/kube-controller-manager.log"
}

cluster_ports_free() {
  local port
  for port in "$api_port" "$etcd_port" 10250; do
    [[ -z $(ss -Hltn "sport = :$port") ]] || fail cluster "another program listens on port $port: $(ss -Hltnp "sport = :$port")"
  done
}

# cluster_up: does only what is missing; an unclean end of everything means an empty start, images kept.
cluster_up() {
  local start
  if cluster_ready && pki_holds; then
    say cluster "already there: context $context, node Ready"
    return
  fi
  start=$(now_ms)
  if cluster_any_alive && ! pki_holds; then
    say cluster "its certificates no longer hold; restarting it"
    cluster_down
  fi
  if ! cluster_any_alive; then
    if [[ -e $state/dirty ]]; then
      residue_remove
      say cluster "it did not stop in order last time: starting it empty, images kept"
      cluster_forget
    elif [[ -d $state/etcd ]] && ! pki_holds; then
      say cluster "its certificates are made anew: starting it empty, images kept"    # pods would trust the old ones
      cluster_forget
    fi
    cluster_ports_free
  fi
  mkdir -p "$run" "$state"
  touch "$state/dirty"
  pki_ensure
  network_prepare
  cgroup_prepare
  cluster_configure
  say cluster "starting (logs: $log/)"
  cluster_start_daemons
  cluster_wait "$((start / 1000))"
  say cluster "ready at https://127.0.0.1:$api_port, context $context, Kubernetes $(go_version kubernetes k8s.io/kubernetes) ($(took "$start"))"
}

# What runs and what it remembers go; the images stay.
cluster_forget() { folder_remove "$state/etcd" "$state/kubelet" && rm -f "$state/dirty"; }

# cluster_down: nothing, unless we started something. `dirty` stays when it had ended before we were asked.
cluster_down() {
  local index in_order=yes
  cluster_any_alive || in_order=no
  [[ $in_order == yes || -e $state/dirty ]] || return 0
  # The kubelet first, or it would start again what is being stopped.
  daemon_stop kube-proxy 2
  daemon_stop kubelet 3
  cgroup_end kubepods
  for ((index = ${#cluster_daemons[@]} - 1; index >= 0; index--)); do daemon_stop "${cluster_daemons[index]}" 5; done
  residue_remove
  [[ $in_order == no ]] || rm -f "$state/dirty"
}
