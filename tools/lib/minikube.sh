# A real minikube: its command, an image of ours in the place of its base image, and the settings that make it take both.
# shellcheck shell=bash source=tools/lib/home.sh disable=SC2154

minikube_home=$tools_home/minikube

minikube_image() { echo "pipeline-kicbase:$(go_version minikube k8s.io/minikube)"; }

# nodeimage_minikube FOLDER: what its deploy/kicbase adds to a Debian, as far as the runtime containerd goes.
nodeimage_minikube() {
  local over=$1 files version unit=$1/etc/systemd/system
  files=$(go_source minikube k8s.io/minikube)/deploy/kicbase
  version=$(go_version minikube k8s.io/minikube)
  mkdir -p "$unit/multi-user.target.wants" "$over/usr/local/bin" "$over/etc/containerd" "$over/etc/sysctl.d" "$over/usr/sbin" "$over/kind" \
    "$over/var/lib/minikube/scheduled-stop" "$over/usr/lib/systemd/system"
  install -m 755 "$files/entrypoint" "$over/usr/local/bin/entrypoint"
  install -m 644 "$files/containerd.toml" "$over/etc/containerd/config.toml"
  install -m 644 "$files"/1*.conf "$over/etc/sysctl.d/"
  install -m 755 "$files/automount/minikube-automount" "$over/usr/sbin/minikube-automount"
  install -m 644 "$files/automount/minikube-automount.service" "$files/scheduled-stop/minikube-scheduled-stop.service" "$over/usr/lib/systemd/system/"
  install -m 755 "$files/scheduled-stop/minikube-scheduled-stop" "$over/var/lib/minikube/scheduled-stop/"
  ln -s /lib/systemd/system/ssh.service /usr/lib/systemd/system/minikube-automount.service "$unit/multi-user.target.wants/"
  install -D -m 644 /dev/null "$over/etc/ssh/sshd_config.d/minikube.conf"
  printf 'PubkeyAcceptedAlgorithms +ssh-rsa\nHostkeyAlgorithms +ssh-rsa\nPubkeyAuthentication yes\nPasswordAuthentication no\n' \
    >"$over/etc/ssh/sshd_config.d/minikube.conf"
  printf '{"iso_version": "%s", "kicbase_version": "%s", "minikube_version": "%s", "commit": ""}\n' "$version" "$version" "$version" >"$over/version.json"
}

# The programs that it would fetch, where it looks for them first.
minikube_programs() {
  local folder program
  folder=$minikube_home/.minikube/cache/linux/$(image_architecture)/$(nodeimage_version)
  mkdir -p "$folder"
  for program in kubelet kubeadm kubectl; do
    [[ $folder/$program -nt $bin/$program ]] || install -m 755 "$bin/$program" "$folder/$program"
  done
}

minikube_ready() { nodes_run minikube status --profile "$nodes_cluster" >/dev/null 2>&1; }

# minikube_up: its command, its image, and a cluster whose profile is not the default one.
minikube_up() {
  local start
  nodeimage_programs_ensure
  nodes_up
  nodeimage_ensure "$(minikube_image)" minikube
  minikube_programs
  if minikube_ready; then
    say minikube "already there: profile $nodes_cluster"
    return
  fi
  start=$(now_ms)
  nodes_run minikube start --profile "$nodes_cluster" --cpus 2 --memory 4g >"$log/minikube.log" 2>&1 ||
    fail minikube "profile $nodes_cluster did not start" "$log/minikube.log"
  say minikube "ready: profile and context $nodes_cluster ($(took "$start"))"
}
