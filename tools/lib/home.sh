# Where everything of tools/ lives: folders, addresses, names. Sourced by every script; starts nothing.
# shellcheck shell=bash disable=SC2034  # the names are used by the scripts that source this

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# State and cache stay outside the repo, so that a clean clone finds them built.
tools_home=${PIPELINE_TOOLS_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/pipeline-tools}
bin=$tools_home/bin            # links to the newest built commands
store=$tools_home/store        # built commands, one folder per version
log=$tools_home/log            # one log per daemon and per build
run=$tools_home/run            # process ids, sockets, mounts: gone after tools/down
pki=$tools_home/pki            # the cluster's keys and certificates
state=$tools_home/state        # what the cluster remembers: etcd, kubelet, images
kubeconfig=$tools_home/kubeconfig

context=local
node=local
pod_network=10.244.0.0/16
service_network=10.96.0.0/16
service_first=10.96.0.1
service_dns=10.96.0.10
api_port=6443
bridge=pipeline0               # ours alone, so that tools/down may remove it
cgroup=pipeline-tools          # every container we start lives below this cgroup
containerd_socket=$run/containerd.sock

# A sudo or a bare cron PATH lacks what Debian puts in sbin.
export PATH=$bin:$PATH:/usr/local/sbin:/usr/sbin:/sbin

# The address other machines and pods see this machine at.
node_address() {
  ip -4 -o route get 192.0.2.254 2>/dev/null | sed -n 's/.* src \([0-9.]*\).*/\1/p' | grep . ||
    hostname -I | awk '{print $1}'
}

# The largest packet the way out carries: bridges must not promise more.
uplink_mtu() {
  local device
  device=$(ip -4 -o route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -1)
  cat "/sys/class/net/${device:-lo}/mtu"
}
