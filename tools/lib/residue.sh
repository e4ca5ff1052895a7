# What a node leaves in the kernel - cgroups, mounts, links, iptables rules, orphaned processes - and its
# removal. Touches only what carries our folder, our cgroup or our bridge, and Kubernetes' own chains.
# shellcheck shell=bash source=tools/lib/home.sh disable=SC2154,SC2120

# cgroup_hierarchies: every mounted hierarchy, of cgroup v1 or v2.
cgroup_hierarchies() {
  local folder
  for folder in /sys/fs/cgroup /sys/fs/cgroup/*; do
    if [[ -f $folder/cgroup.procs && ! -L $folder && $folder != */"$cgroup" ]] && mountpoint -q "$folder"; then echo "$folder"; fi
  done
}

# cgroup_mount [all]: mounts the hierarchies of cgroup v1 that are in use, but not mounted here; `all`: also those that
# systemd in a container would activate. Where one is active and not mounted, containerd finds no statistics of new
# containers, and metrics-server none.
cgroup_mount() {
  local controllers folder
  [[ -d /sys/fs/cgroup/memory ]] || return 0
  while IFS=: read -r _ controllers _; do
    folder=/sys/fs/cgroup/$controllers
    [[ -n $controllers && $controllers != name=* ]] || continue
    ! awk -v want="$controllers" '$0 ~ / - cgroup / && (","$NF",") ~ (","want",") { found = 1 } END { exit !found }' \
      /proc/self/mountinfo || continue
    if mkdir -p "$folder" && mount -t cgroup -o "$controllers" cgroup "$folder" 2>/dev/null; then
      echo "$folder" >>"$run/cgroup-mounts"
    fi
  done < <(cat /proc/self/cgroup; [[ ${1:-} != all ]] || printf '0:%s:/\n' hugetlb perf_event net_cls,net_prio)
}

cgroup_unmount() {
  local folder
  [[ -f $run/cgroup-mounts ]] || return 0
  while read -r folder; do umount "$folder" 2>/dev/null && rmdir "$folder" || true; done <"$run/cgroup-mounts"
  rm -f "$run/cgroup-mounts"
}

cgroup_prepare() {
  local folder file
  cgroup_mount
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

# cgroup_end [kubepods|docker|nodes]: ends our containers' processes: asks, waits two seconds, insists.
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
  cgroup_unmount
}

# orphans_end cluster|docker|nodes: ends shims, runtimes and daemons that a part's command lines tell are ours,
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
      docker:*"$run/docker"* | nodes:*"$run/nodes"*) ;;
      cluster:*"$run/docker"* | cluster:*"$run/nodes"*) continue ;;
      cluster:*"$run/"* | cluster:*"$pki/"* | cluster:*"$state/"*) ;;
      *) continue ;;
    esac
    kill -KILL "${folder##*/}" 2>/dev/null || true
  done
}

# mounts_below FOLDER: it and what is mounted below it, the deepest first.
mounts_below() { awk -v folder="$1" '$2 == folder || index($2, folder "/") == 1 { print $2 }' /proc/self/mounts | sort -r; }

mounts_remove() {
  local mount
  while read -r mount; do umount -l "$mount" 2>/dev/null || true; done < <(mounts_below "$1")
}

# folder_remove FOLDER...: never through a mount, behind which someone's own files may be.
folder_remove() {
  local folder
  for folder in "$@"; do
    mounts_remove "$folder"
    [[ -z $(mounts_below "$folder") ]] || fail "$folder" "still mounted, so it was not removed: $(mounts_below "$folder" | tail -1)"
    rm -rf --one-file-system "$folder"
  done
}

# rules_remove IPTABLES CHAINS LINKS: the chains so named (regexes), every rule that leads to one, and every
# rule about a link so named.
rules_remove() {
  local table rules edits
  command -v "$1-save" >/dev/null || return 0
  for table in mangle nat filter; do
    rules=$("$1-save" -t "$table" 2>/dev/null) || continue
    edits=$(
      grep -E -- "^-A .* (-[jg] ($2)|-[io] ($3) )" <<<"$rules" | grep -vE -- "^-A ($2)" | sed 's/^-A/-D/'
      sed -nE "s/^:(($2)[^ ]*) .*/-F \1/p" <<<"$rules"
      sed -nE "s/^:(($2)[^ ]*) .*/-X \1/p" <<<"$rules"
    ) || true
    [[ -n $edits ]] || continue
    printf '*%s\n%s\nCOMMIT\n' "$table" "$edits" | "$1-restore" --noflush --wait 2>>"$log/iptables.log" ||
      say iptables "could not remove our rules from the $table table; see $log/iptables.log"
  done
}

# node_rules: the iptables rules of a node, each inserted before the one above it.
# Pods get out where Docker or a firewall set the FORWARD policy to DROP; and what is meant for a Service or a
# pod never takes the way out while kube-proxy or the bridge are not there yet: whoever answers out there would
# be taken for it (the API server even keeps such a connection). In OUTPUT, -o still names the way from before DNAT.
node_rules() {
  cat <<RULES
FORWARD -s $pod_network -j ACCEPT
FORWARD -d $pod_network -j ACCEPT
FORWARD -d $pod_network ! -o $bridge -j REJECT
OUTPUT -d $pod_network ! -o $bridge -m conntrack ! --ctstate DNAT -j REJECT
FORWARD -d $service_network -j REJECT
OUTPUT -d $service_network -j REJECT
RULES
}

# node_rule -C|-I|-D RULE
node_rule() {
  local words
  read -ra words <<<"$2"
  iptables -w "$1" "${words[@]}" -m comment --comment pipeline-tools 2>"$log/iptables.log"
}

# network_prepare: what a node needs of this machine's kernel.
network_prepare() {
  local rule
  sysctl -qw net.ipv4.ip_forward=1
  [[ -e /proc/sys/net/bridge ]] || modprobe br_netfilter 2>/dev/null || true
  # A Service's answer between two pods of one bridge must pass iptables too.
  [[ ! -e /proc/sys/net/bridge ]] || sysctl -qw net.bridge.bridge-nf-call-iptables=1
  while read -r rule; do
    node_rule -C "$rule" || node_rule -I "$rule" || fail network "iptables refused: $rule" "$log/iptables.log"
  done < <(node_rules)
}

network_remove() {
  local link rule
  rules_remove iptables 'KUBE-|CNI-' "$bridge"
  rules_remove ip6tables 'KUBE-|CNI-' "$bridge"
  while read -r rule; do
    while node_rule -D "$rule"; do :; done
  done < <(node_rules)
  if ip link show "$bridge" >/dev/null 2>&1; then
    for link in $(ip -o link show master "$bridge" | sed -E 's/^[0-9]+: ([^@:]+).*/\1/'); do ip link del "$link" 2>/dev/null || true; done
    ip link del "$bridge"
  fi
}

# What the CNI plugins remember of our pods: under our network's name, and the loopback's of the same pods.
results_remove() {
  local file pod
  for file in /var/lib/cni/results/pipeline-*-eth0; do
    [[ -e $file ]] || continue
    pod=${file##*/pipeline-}
    rm -f "$file" "/var/lib/cni/results/cni-loopback-${pod%-eth0}-lo"
  done
}

# residue_remove: after the cluster's daemons have ended, however they did.
residue_remove() {
  local folder
  orphans_end cluster
  cgroup_end kubepods
  for folder in "$state/containerd" "$state/kubelet"; do mounts_remove "$folder"; done
  ! command -v iptables >/dev/null || network_remove
  folder_remove "$run/containerd" "$run/runc" "$run/leases" "$run/cni"
  rm -f "$containerd_socket"*
  results_remove
  daemon_alive dockerd || daemon_alive nodes-dockerd || cgroup_remove
}
