# A real kind: its command, and an image of ours in the place of kindest/node.
# shellcheck shell=bash source=tools/lib/home.sh disable=SC2154

kind_image() { echo "kindest/node:$(nodeimage_version)"; }

# nodeimage_kind FOLDER: what its images/base adds to a Debian, from the module itself.
nodeimage_kind() {
  local over=$1 files name
  files=$(go_source kind sigs.k8s.io/kind)/images/base/files
  cp -r --no-preserve=mode "$files/." "$over/"
  rm -rf "$over/LICENSES" "$over/etc/systemd/system/containerd-fuse-overlayfs.service" "$over/usr/local/bin/clean-install"
  chmod 755 "$over"/kind/bin/* "$over"/usr/local/bin/*
  ln -s /usr/bin/containerd /usr/bin/ctr "$over/usr/local/bin/"
  sed -i -E '/^Limit/d; s/^OOMScoreAdjust=.*/OOMScoreAdjust=0/' "$over/etc/systemd/system/containerd.service"
  sed -i 's/^KUBELET_EXTRA_ARGS=.*/& --oom-score-adj=0/' "$over/etc/default/kubelet"
  install -D -m 755 "$repo/tools/images/nodes/kubelet-slices" "$over/usr/local/bin/kubelet-slices"
  install -D -m 644 "$repo/tools/images/nodes/kubelet.conf" "$over/etc/systemd/system/kubelet.service.d/12-slices.conf"
  mkdir -p "$over/etc/systemd/system/multi-user.target.wants"
  for name in kubelet containerd undo-mount-hacks; do
    ln -s "/etc/systemd/system/$name.service" "$over/etc/systemd/system/multi-user.target.wants/"
  done
  nodeimage_kind_containerd "$over"
  mkdir -p "$over/kind/manifests"
  for name in cni storage; do sed "s/@name@/no-$name/" "$repo/tools/images/nodes/nothing.yaml" >"$over/kind/manifests/default-$name.yaml"; done
}

# Its containerd 2 takes this configuration, and so does Debian's 1.6; the network is the node's own, by its own range.
nodeimage_kind_containerd() {
  local file=$1/etc/containerd/config.toml pause
  pause=$(nodeimages_names | grep '/pause:')
  sed -i -E -e "s|^( *sandbox_image = ).*|\1\"$pause\"|" -e 's/^( *restrict_oom_score_adj = ).*/\1true/' \
    -e '/fuse-overlayfs/d' -e '/^\[proxy_plugins\]/d' -e '/^ *(type = "snapshot"|address = .*fuse.*)/d' "$file"
  printf '\n[plugins."io.containerd.grpc.v1.cri".cni]\n  conf_template = "/etc/cni/nodes.conflist"\n' >>"$file"
  install -D -m 644 "$repo/tools/images/nodes/cni.conflist" "$1/etc/cni/nodes.conflist"
  ctr oci spec | jq 'del(.process.rlimits) | .hooks.createContainer += [{ path: "/kind/bin/mount-product-files.sh" }]' >"$1/etc/containerd/cri-base.json"
}

kind_nodes() { nodes_docker ps --all --quiet --filter "label=io.x-k8s.kind.cluster=$nodes_cluster"; }

kind_ready() {
  nodes_run kubectl --context "kind-$nodes_cluster" --request-timeout=5s wait --for=condition=Ready nodes --all --timeout=1s >/dev/null 2>&1
}

# kind_up: its command, its image, and a cluster whose name is not the default one. kind has no command that starts a
# stopped cluster: its containers are started.
kind_up() {
  local start
  nodeimage_programs_ensure
  nodes_up
  nodeimage_ensure "$(kind_image)" kind
  start=$(now_ms)
  if [[ -n $(kind_nodes) ]]; then
    if kind_ready; then
      say kind "already there: cluster $nodes_cluster"
      return
    fi
    # shellcheck disable=SC2046
    nodes_docker start $(kind_nodes) >/dev/null
  else
    nodes_run kind create cluster --name "$nodes_cluster" --image "$(kind_image)" >"$log/kind.log" 2>&1 ||
      fail kind "cluster $nodes_cluster was not created" "$log/kind.log"
  fi
  until_true 90 kind_ready || fail kind "cluster $nodes_cluster was not ready within 90 s" "$log/kind.log"
  say kind "ready: cluster $nodes_cluster, context kind-$nodes_cluster ($(took "$start"))"
}
