# The Docker whose containers are the nodes of a real minikube or kind: a second dockerd, in a network of its own, with
# a runtime that does without what this machine does not allow.
# shellcheck shell=bash source=tools/lib/home.sh disable=SC2154,SC2034

nodes_run=$run/nodes
nodes_socket=$nodes_run/docker.sock
nodes_data=$tools_home/nodes
nodes_kubeconfig=$tools_home/nodes.kubeconfig
nodes_cluster=todo             # the profile of minikube, and the cluster of kind

nodes_docker() { DOCKER_HOST=unix://$nodes_socket DOCKER_CONTEXT='' timeout "${docker_seconds:-600}" docker "$@"; }

# own_program NAME: the user's own, if there is one; not the one built here.
own_program() { type -P -a "$1" | grep -vF "$bin/" | head -1 || true; }

# nodes_impossible: why such nodes cannot be made on this machine; fails where they can.
nodes_impossible() {
  if ((EUID != 0)); then echo "making nodes takes root"
  elif ! command -v go >/dev/null; then echo "Go is not installed, and nodes are built from Go modules"
  elif ! command -v apt-get >/dev/null || [[ ! -e /usr/share/debootstrap && -z $(apt-cache policy debootstrap 2>/dev/null) ]]; then
    echo "debootstrap is not to be had, and nodes are made of Debian's packages"
  elif ! unshare --net true 2>/dev/null; then echo "no network namespace may be made"
  else return 1
  fi
}

# nodes_environment: what minikube and kind must know to work with that Docker and with our images; NAME=VALUE lines.
nodes_environment() {
  cat <<LINES
DOCKER_HOST=unix://$nodes_socket
DOCKER_CONTEXT=
KUBECONFIG=$nodes_kubeconfig
MINIKUBE_HOME=$minikube_home
MINIKUBE_DRIVER=docker
MINIKUBE_CONTAINER_RUNTIME=containerd
MINIKUBE_BASE_IMAGE=$(minikube_image)
MINIKUBE_KUBERNETES_VERSION=$(nodeimage_version)
MINIKUBE_CNI=bridge
MINIKUBE_PRELOAD=false
MINIKUBE_CACHE_IMAGES=false
MINIKUBE_FORCE=true
MINIKUBE_WANTUPDATENOTIFICATION=false
LINES
}

# nodes_run COMMAND...: where the nodes are reached.
nodes_run() {
  local environment
  mapfile -t environment < <(nodes_environment)
  netns_run env "${environment[@]}" "$@"
}

nodes_answer() { docker_seconds=5 nodes_docker version --format '{{.Server.Version}}' 2>/dev/null; }

# nodes_watches: each node's kubelet, containerd and systemd take some of the machine's inotify instances; Linux allows 128,
# which the third cluster uses up, so that its kubelet never starts.
nodes_watches() {
  local limit=/proc/sys/fs/inotify/max_user_instances
  (($(<$limit) >= 1024)) || sysctl -qw fs.inotify.max_user_instances=1024
}

nodes_up() {
  local start
  nodes_watches
  if daemon_alive nodes-dockerd && nodes_answer >/dev/null; then
    nodes_thaw
    say nodes "already there: dockerd $(nodes_answer), in a network of its own"
    return
  fi
  start=$(now_ms)
  packages_ensure docker.io containerd runc iptables iproute2 procps util-linux jq
  daemon_stop nodes-dockerd 15
  nodes_residue_remove
  netns_up
  cgroup_mount all
  cgroup_prepare
  mkdir -p "$nodes_run"
  install -m 755 "$repo/tools/images/nodes/runc" "$nodes_run/runc"
  daemon_start nodes-dockerd nsenter --net="/run/netns/$netns" dockerd --host "unix://$nodes_socket" --data-root "$nodes_data" \
    --exec-root "$nodes_run/exec" --pidfile "$nodes_run/dockerd.pid" --cgroup-parent "/$cgroup/nodes" \
    --exec-opt native.cgroupdriver=cgroupfs --add-runtime "possible=$nodes_run/runc" --default-runtime possible \
    --mtu "$(uplink_mtu)" --oom-score-adjust 0
  until_true 60 nodes_answer || fail nodes "their dockerd did not answer within 60 s" "$log/nodes-dockerd.log"
  nodes_thaw
  say nodes "started dockerd $(nodes_answer), in a network of its own ($(took "$start"))"
}

# nodes_thaw: a node that is removed in its first seconds can be killed, where cgroups are of version 1.
nodes_thaw() {
  [[ ! -d /sys/fs/cgroup/freezer ]] || daemon_start nodes-thaw bash "$repo/tools/lib/thaw.sh" "/sys/fs/cgroup/freezer/$cgroup/nodes"
}

# nodes_down: containers are stopped as dockerd stops; they are there again when it starts.
nodes_down() {
  daemon_stop nodes-thaw 1
  daemon_alive nodes-dockerd || [[ -e $nodes_run || -e /run/netns/$netns ]] || return 0
  daemon_stop nodes-dockerd 30
  nodes_residue_remove
}

nodes_residue_remove() {
  orphans_end nodes
  cgroup_end nodes
  mounts_remove "$nodes_data"
  ! command -v iptables >/dev/null || netns_down
  folder_remove "$nodes_run"
}

# nodes_forget: the clusters go, the images stay.
nodes_forget() {
  local ids
  rm -rf --one-file-system "$tools_home/minikube/.minikube/profiles" "$tools_home/minikube/.minikube/machines" "$nodes_kubeconfig"
  daemon_alive nodes-dockerd || return 0
  mapfile -t ids < <(nodes_docker ps --all --quiet)
  ((${#ids[@]} == 0)) || nodes_docker rm --force --volumes "${ids[@]}" >/dev/null
  nodes_docker volume prune --all --force >/dev/null 2>&1 || nodes_docker volume prune --force >/dev/null
}

# nodes_have IMAGE: whether that Docker has it.
nodes_have() { nodes_docker image inspect "$1" >/dev/null 2>&1; }

# nodes_share IMAGE: from this machine's Docker, so that builds beside the nodes find it, too.
nodes_share() {
  [[ $(docker image inspect --format '{{.Id}}' "$1" 2>/dev/null) != "$(nodes_docker image inspect --format '{{.Id}}' "$1" 2>/dev/null)" ]] || return 0
  docker save "$1" | nodes_docker load >"$log/image.log" 2>&1 || fail nodes "$1 could not be copied into their Docker" "$log/image.log"
}
