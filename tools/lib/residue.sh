# What a node leaves in the kernel - cgroups, mounts, links, iptables rules, orphaned processes - and its
# removal. Touches only what carries our folder, our cgroup or our bridge, and Kubernetes' own chains.
# shellcheck shell=bash source=tools/lib/home.sh disable=SC2154

# cgroup_hierarchies: every mounted hierarchy, of cgroup v1 or v2.
cgroup_hierarchies() {
  local folder
  for folder in /sys/fs/cgroup /sys/fs/cgroup/*; do
    if [[ -f $folder/cgroup.procs && ! -L $folder && $folder != */"$cgroup" ]] && mountpoint -q "$folder"; then echo "$folder"; fi
  done
}

cgroup_prepare() {
  local folder file
  while read -r folder; do
    mkdir -p "$folder/$cgroup"
    # A new cpuset of cgroup v1 is empty, and then takes no process.
    for file in cpuset.cpus cpuset.mems; do
      if [[ $folder == */cpuset && -z $(<"$folder/$cgroup/$file") ]]; then cat "$folder/$file" >"$folder/$cgroup/$file"; fi
    done
  done < <(cgroup_hierarchies)
}

# cgroup_processes [PART]: the ids of all processes of our containers.
cgroup_processes() {
  local folder
  while read -r folder; do
    [[ ! -d $folder/$cgroup/${1:-} ]] || find "$folder/$cgroup/${1:-}" -name cgroup.procs -exec cat {} + 2>/dev/null
  done < <(cgroup_hierarchies) | sort -un
}

# cgroup_end [kubepods|docker]: ends our containers' processes: asks, waits two seconds, insists.
cgroup_end() {
  local pids signal tries
  for signal in TERM KILL; do
    tries=40
    mapfile -t pids < <(cgroup_processes "${1:-}")
    ((${#pids[@]})) || return 0
    kill "-$signal" "${pids[@]}" 2>/dev/null || true
    while ((tries-- > 0)) && [[ -n $(cgroup_processes "${1:-}") ]]; do sleep 0.05; done
  done
}

cgroup_remove() {
  local folder
  while read -r folder; do
    [[ ! -d $folder/$cgroup ]] || find "$folder/$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done < <(cgroup_hierarchies)
}

# orphans_end cluster|docker: ends shims, runtimes and daemons that a part's command lines tell are ours,
# though no pid file knows them. Only for a part none of whose daemons is alive.
orphans_end() {
  local folder arguments line
  for folder in /proc/[0-9]*; do
    { mapfile -t -d '' arguments <"$folder/cmdline"; } 2>/dev/null || continue
    case ${arguments[0]+"${arguments[0]##*/}"} in
      containerd-shim* | containerd | runc | dockerd | docker-proxy | etcd | kubelet | kube-*) ;;
      *) continue ;;
    esac
    line="${arguments[*]:1}"
    case $1:$line in
      docker:*"$run/docker"*) ;;
      cluster:*"$run/docker"*) continue ;;
      cluster:*"$run/"* | cluster:*"$pki/"* | cluster:*"$state/"*) ;;
      *) continue ;;
    esac
    kill -KILL "${folder##*/}" 2>/dev/null || true
  done
}

# mounts_remove FOLDER: unmounts everything below it, the deepest first.
mounts_remove() {
  local mount
  while read -r mount; do umount -l "$mount" 2>/dev/null || true; done \
    < <(awk -v folder="$1/" 'index($2, folder) == 1 { print $2 }' /proc/self/mounts | sort -r)
}

# chains_remove IPTABLES REGEX: the chains so named, and every rule that leads to one.
chains_remove() {
  local table rules
  command -v "$1-save" >/dev/null || return 0
  for table in mangle nat filter; do
    rules=$("$1-save" -t "$table" 2>/dev/null) || continue
    grep -qE "^:($2)" <<<"$rules" || continue
    {
      echo "*$table"
      grep -E -- "^-A .* -[jg] ($2)" <<<"$rules" | grep -vE -- "^-A ($2)" | sed 's/^-A/-D/' || true
      sed -nE "s/^:(($2)[^ ]*) .*/-F \1/p" <<<"$rules"
      sed -nE "s/^:(($2)[^ ]*) .*/-X \1/p" <<<"$rules"
      echo COMMIT
    } | "$1-restore" --noflush --wait 2>/dev/null || say iptables "could not remove the chains $2 from the $table table"
  done
}

pod_forwarding() { printf '%s\n' "-s $pod_network" "-d $pod_network"; }

# network_prepare: what a node needs of this machine's kernel.
network_prepare() {
  local rule
  sysctl -qw net.ipv4.ip_forward=1
  [[ -e /proc/sys/net/bridge ]] || modprobe br_netfilter 2>/dev/null || true
  # A Service's answer between two pods of one bridge must pass iptables too.
  [[ ! -e /proc/sys/net/bridge ]] || sysctl -qw net.bridge.bridge-nf-call-iptables=1
  # Where Docker or a firewall set the FORWARD policy to DROP, pods still get out.
  while read -r rule; do
    # shellcheck disable=SC2086
    iptables -w -C FORWARD $rule -m comment --comment pipeline-tools -j ACCEPT 2>/dev/null ||
      iptables -w -I FORWARD $rule -m comment --comment pipeline-tools -j ACCEPT
  done < <(pod_forwarding)
}

network_remove() {
  local link rule
  chains_remove iptables 'KUBE-|CNI-'
  chains_remove ip6tables 'KUBE-|CNI-'
  while read -r rule; do
    # shellcheck disable=SC2086
    while iptables -w -D FORWARD $rule -m comment --comment pipeline-tools -j ACCEPT 2>/dev/null; do :; done
  done < <(pod_forwarding)
  if ip link show "$bridge" >/dev/null 2>&1; then
    for link in $(ip -o link show master "$bridge" | sed -E 's/^[0-9]+: ([^@:]+).*/\1/'); do ip link del "$link" 2>/dev/null || true; done
    ip link del "$bridge"
  fi
}

# residue_remove: after the cluster's daemons have ended, however they did.
residue_remove() {
  local folder
  orphans_end cluster
  cgroup_end kubepods
  for folder in "$run/containerd" "$run/runc" "$state/containerd" "$state/kubelet"; do mounts_remove "$folder"; done
  ! command -v iptables >/dev/null || network_remove
  rm -rf "$run/containerd" "$run/runc" "$run/leases" "$run/cni" "$containerd_socket"* /var/lib/cni/results/pipeline-*
  daemon_alive dockerd || cgroup_remove
}
