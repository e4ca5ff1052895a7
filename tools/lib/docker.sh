# Docker: uses what answers, else starts a dockerd of ours on the usual socket.
# shellcheck shell=bash source=tools/lib/home.sh disable=SC2154

docker_answers() { timeout 5 docker version --format '{{.Server.Version}}' 2>/dev/null; }

docker_up() {
  local start
  if docker_answers >/dev/null; then
    say docker "already there: $(docker_answers)$(daemon_alive dockerd || echo ', not ours')"
    return
  fi
  start=$(now_ms)
  docker_residue_remove
  # Already on, so that dockerd does not set the FORWARD policy to DROP.
  sysctl -qw net.ipv4.ip_forward=1
  cgroup_prepare
  daemon_start dockerd dockerd --host unix:///var/run/docker.sock --data-root "$tools_home/docker" \
    --exec-root "$run/docker" --pidfile "$run/dockerd.lock" --cgroup-parent "/$cgroup/docker" \
    --mtu "$(uplink_mtu)" --oom-score-adjust 0
  until_true 30 docker_answers || fail docker "dockerd did not answer within 30 s" "$log/dockerd.log"
  say docker "started dockerd $(docker_answers) ($(took "$start"))"
}

docker_down() {
  daemon_alive dockerd || [[ -e $run/docker ]] || return 0
  daemon_stop dockerd 15
  docker_residue_remove
}

# What a dockerd of ours leaves behind when it was not allowed to stop.
docker_residue_remove() {
  [[ -e $run/docker || -e $run/dockerd.lock ]] || return 0
  orphans_end docker
  cgroup_end docker
  mounts_remove "$tools_home/docker"
  rules_remove iptables DOCKER "$docker_links"
  rules_remove ip6tables DOCKER "$docker_links"
  docker_links_remove
  folder_remove "$run/docker"
  rm -f "$run/dockerd.lock" /var/run/docker.sock
  cluster_any_alive || daemon_alive nodes-dockerd || cgroup_remove
}

docker_links='docker0|br-[0-9a-f]{12}'

docker_links_remove() {
  local link
  for link in $(ip -o link show type bridge | sed -nE 's/^[0-9]+: ('"$docker_links"'):.*/\1/p'); do ip link del "$link"; done
}

# docker_plugin NAME FILE: a plugin of ours where docker looks, unless it has one.
docker_plugin() {
  local folder=${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins
  mkdir -p "$folder"
  [[ -e $folder/docker-$1 && ! -L $folder/docker-$1 ]] || ln -sfn "$2" "$folder/docker-$1"
}

# docker_has PLUGIN: docker knows it without us.
docker_has() {
  local plugin=${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins/docker-$1
  [[ ! -L $plugin || $(readlink -f "$plugin") != "$store"/* ]] && timeout 10 docker "$1" version >/dev/null 2>&1
}
