# A network of its own for the Docker whose containers are nodes: its bridges and iptables rules meet neither the
# machine's Docker nor the cluster `local`. Its way out is a pair of links and one rule of address translation.
# shellcheck shell=bash source=tools/lib/home.sh disable=SC2154

netns=pipeline-nodes
netns_link=pipeline1           # the machine's end; the other is called uplink
netns_network=10.250.0.0/30
netns_machine=10.250.0.1       # this machine, as nodes and their pods reach it
netns_inside=10.250.0.2

# netns_rules: the iptables rules of this machine, each inserted before the one above it. What is meant for a Service
# of a node that has no rules for it yet never takes the way out: a proxy there would be taken for the Service.
netns_rules() {
  cat <<RULES
nat POSTROUTING -s $netns_network ! -o $netns_link -j MASQUERADE
filter FORWARD -i $netns_link -j ACCEPT
filter FORWARD -o $netns_link -j ACCEPT
filter FORWARD -i $netns_link -d 10.96.0.0/12 -j REJECT
RULES
}

# netns_rule -C|-I|-D TABLE RULE...
netns_rule() {
  local action=$1 table=$2 chain=$3
  shift 3
  iptables -w -t "$table" "$action" "$chain" "$@" -m comment --comment pipeline-tools-nodes 2>"$log/iptables.log"
}

# netns_run COMMAND...: inside of it; the folders of cgroups stay as they are (`ip netns exec` would hide them).
netns_run() { nsenter --net="/run/netns/$netns" "$@"; }

netns_up() {
  local words
  if [[ ! -e /run/netns/$netns ]]; then ip netns add "$netns"; fi
  netns_run ip link set lo up
  if ! ip link show "$netns_link" >/dev/null 2>&1; then
    ip link add "$netns_link" type veth peer name uplink netns "$netns"
    ip link set "$netns_link" mtu "$(uplink_mtu)"
    netns_run ip link set uplink mtu "$(uplink_mtu)"
    ip addr add "$netns_machine/30" dev "$netns_link"
    netns_run ip addr add "$netns_inside/30" dev uplink
    ip link set "$netns_link" up
    netns_run ip link set uplink up
    netns_run ip route add default via "$netns_machine"
  fi
  sysctl -qw net.ipv4.ip_forward=1
  netns_run sysctl -qw net.ipv4.ip_forward=1
  [[ ! -e /proc/sys/net/bridge ]] || netns_run sysctl -qw net.bridge.bridge-nf-call-iptables=1
  while read -ra words; do
    netns_rule -C "${words[@]}" || netns_rule -I "${words[@]}" || fail network "iptables refused: ${words[*]}" "$log/iptables.log"
  done < <(netns_rules)
}

# Its end of the links goes with the namespace, and so do all of its rules.
netns_down() {
  local words
  while read -ra words; do
    while netns_rule -D "${words[@]}"; do :; done
  done < <(netns_rules)
  ip link del "$netns_link" 2>/dev/null || true
  [[ ! -e /run/netns/$netns ]] || ip netns del "$netns"
}
