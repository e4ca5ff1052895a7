# The images of nodes, made of Debian's packages, Go modules, and the Kubernetes that is built here: one tree, from
# which kind and minikube each take theirs. Its parts are what their own Dockerfiles put in, as far as packages have it.
# shellcheck shell=bash source=tools/lib/home.sh disable=SC2154

nodeimage_packages=systemd,systemd-sysv,dbus,ca-certificates,netbase,containerd,runc,containernetworking-plugins,iptables
nodeimage_packages+=,conntrack,iproute2,ethtool,socat,ebtables,kmod,openssh-server,sudo,jq,procps,curl,hostname,iputils-ping,lz4
nodeimage_tree=$tools_home/node

nodeimage_version() { go_version kubernetes k8s.io/kubernetes; }

# What is built here of a node, and of what makes one.
nodeimage_programs_ensure() {
  kubernetes_ensure
  coredns_ensure
  metrics_server_ensure
  etcd_ensure
  crictl_ensure
  kind_ensure
  minikube_ensure
  storage_provisioner_ensure
}

nodeimage_debian() {
  local folder=$1 mirror
  mirror=$(debian_sources | awk -v suite="$debian_suite" '$3 == suite { print $2; exit }')
  rm -rf --one-file-system "$folder"
  nice -n 10 debootstrap --variant=minbase --include="$nodeimage_packages" "$debian_suite" "$folder" ${mirror:+"$mirror"} \
    </dev/null >"$log/debootstrap.log" 2>&1 || fail nodes "debootstrap did not make the tree" "$log/debootstrap.log"
  find "$folder/usr/share/doc" -type f ! -name copyright -delete
  rm -rf "$folder"/usr/share/man/* "$folder"/usr/share/locale/* "$folder"/var/cache/apt/* "$folder"/var/lib/apt/lists/* "$folder"/var/log/*.log
  : >"$folder/etc/resolv.conf"
  : >"$folder/etc/hostname"
}

# systemd as the first process of a container, and only what a node needs of its services; no limit that takes
# CAP_SYS_RESOURCE.
nodeimage_system() {
  local folder=$1 unit=$1/etc/systemd/system
  rm -rf "$folder"/lib/systemd/system/multi-user.target.wants/* "$unit"/*.wants/* "$folder"/lib/systemd/system/local-fs.target.wants/* \
    "$folder"/lib/systemd/system/sockets.target.wants/*{udev,initctl}* "$folder"/lib/systemd/system/basic.target.wants/* \
    "$folder"/lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service
  echo ReadKMsg=no >>"$folder/etc/systemd/journald.conf"
  ln -sf /dev/null "$unit/systemd-binfmt.service"
  ln -sf /dev/null "$unit/systemd-udevd.service"
  sed -i 's/^OnBootSec=.*/OnBootSec=1min/' "$folder/lib/systemd/system/systemd-tmpfiles-clean.timer"
  sed -i -E 's/^(hosts:[[:space:]]*).*/\1files dns/' "$folder/etc/nsswitch.conf"
  sed -i -E '/^Limit/d; s/^OOMScoreAdjust=.*/OOMScoreAdjust=0/' "$folder/lib/systemd/system/containerd.service"
  install -m 755 "$repo/tools/images/nodes/runc" "$folder/usr/local/sbin/runc"
  mkdir -p "$folder/etc/kubernetes/manifests" "$folder/kind/manifests" "$folder/opt/cni" "$folder/etc/cni/net.d" "$folder/var/lib/kubelet"
  ln -sfn /usr/lib/cni "$folder/opt/cni/bin"
}

# minikube comes in by ssh, as the user docker.
nodeimage_user() {
  chroot "$1" /bin/sh -ec 'groupadd -f docker
    id docker >/dev/null 2>&1 || useradd -m -s /bin/bash -g docker -G sudo docker
    usermod -p "*" docker
    mkdir -p /home/docker/.ssh && chown docker:docker /home/docker/.ssh' >>"$log/nodeimage.log" 2>&1
  echo '%sudo ALL=(ALL) NOPASSWD:ALL' >"$1/etc/sudoers.d/20-passwordless-sudo"
  chmod 440 "$1/etc/sudoers.d/20-passwordless-sudo"
}

nodeimage_kubernetes() {
  local folder=$1 program
  for program in kubelet kubeadm kubectl; do install -m 755 "$bin/$program" "$folder/usr/bin/$program"; done
  install -m 755 "$bin/crictl" "$folder/usr/local/bin/crictl"
  echo 'runtime-endpoint: unix:///run/containerd/containerd.sock' >"$folder/etc/crictl.yaml"
  nodeimage_version | tr -d '\n' >"$folder/kind/version"
}

# nodeimage_images FOLDER: every image that kubeadm and minikube's own parts name, in the runtime of the tree: stored,
# not unpacked, by a containerd of its own that ends with it.
nodeimage_images() {
  local folder=$1 work
  work=$(mktemp -d)
  cat >"$work/config.toml" <<TOML
version = 2
root = "$folder/var/lib/containerd"
state = "$work/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "$work/containerd.sock"
TOML
  rm -rf "$folder/var/lib/containerd"
  daemon_start nodeimage-containerd containerd --config "$work/config.toml"
  until_true 30 ctr --address "$work/containerd.sock" version || fail nodes "containerd did not answer within 30 s" "$log/nodeimage-containerd.log"
  nodeimages_import "$work" "$folder"
  daemon_stop nodeimage-containerd 10
  folder_remove "$work"
}

# nodeimage_recipe: what the images depend on.
nodeimage_recipe() {
  {
    cat "$repo"/tools/lib/node{image,images}.sh "$repo"/tools/images/nodes/* "$repo/tools/images/pause/pause.c"
    cat "$repo"/tools/go/{kubernetes,etcd,crictl,coredns,metrics-server,kind,minikube,storage-provisioner}/go.mod
  } | sha256sum | cut -c1-12
}

nodeimage_label() { nodes_docker image inspect --format '{{index .Config.Labels "pipeline.recipe"}}' "$1" 2>/dev/null; }

# nodeimage_ensure NAME VARIANT: an image by the current recipe, in the nodes' Docker. VARIANT makes the folder that is
# put over the tree, and prints the folder.
nodeimage_ensure() {
  local name=$1 variant=$2 recipe start container over
  recipe=$(nodeimage_recipe)
  if [[ $(nodeimage_label "$name") == "$recipe" ]]; then
    say "$variant" "image $name already there"
    return
  fi
  start=$(now_ms)
  nodeimage_base_ensure "$recipe"
  over=$(mktemp -d)
  "nodeimage_$variant" "$over"
  install -D -m 755 "$repo/tools/images/nodes/only-mounted-cgroups" "$over/usr/local/bin/only-mounted-cgroups"
  container=$(nodes_docker create --stop-signal SIGRTMIN+3 "pipeline-node:$recipe")
  {
    nodes_docker cp "$over/." "$container:/" &&
      nodes_docker commit --change 'ENTRYPOINT ["/usr/local/bin/only-mounted-cgroups", "/usr/local/bin/entrypoint", "/sbin/init"]' --change 'ENV container=docker' \
        --change 'EXPOSE 22' --change "LABEL pipeline.recipe=$recipe" "$container" "$name"
  } >"$log/nodeimage.log" 2>&1 || fail "$variant" "image $name was not made" "$log/nodeimage.log"
  nodes_docker rm "$container" >/dev/null
  rm -rf "$over"
  say "$variant" "image $name made ($(took "$start"))"
}

nodeimage_base_ensure() {
  local recipe=$1 old
  nodes_have "pipeline-node:$recipe" && return
  say nodes "making the image of a node from Debian's packages and what is built here (a few minutes)"
  packages_ensure debootstrap containerd jq
  mkdir -p "$nodeimage_tree"
  nodeimage_debian "$nodeimage_tree"
  nodeimage_system "$nodeimage_tree"
  nodeimage_user "$nodeimage_tree"
  nodeimage_kubernetes "$nodeimage_tree"
  nodeimage_images "$nodeimage_tree"
  tar -C "$nodeimage_tree" --one-file-system -c . | nodes_docker import --change 'CMD ["bash"]' - "pipeline-node:$recipe" >"$log/nodeimage.log" 2>&1 ||
    fail nodes "the image of a node was not made" "$log/nodeimage.log"
  folder_remove "$nodeimage_tree"
  for old in $(nodes_docker image ls --format '{{.Repository}}:{{.Tag}}' pipeline-node); do
    [[ $old == "pipeline-node:$recipe" ]] || nodes_docker image rm "$old" >/dev/null 2>&1 || true
  done
}
