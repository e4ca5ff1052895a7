# The images that run in a node: each holds one program built here, under the names that kubeadm and minikube use.
# shellcheck shell=bash source=tools/lib/home.sh disable=SC2154

# nodeimages_names: what kubeadm wants of this version.
nodeimages_names() { "$bin/kubeadm" config images list --kubernetes-version "$(nodeimage_version)" 2>>"$log/nodeimage.log"; }

# nodeimages_addon ADDON: the image that minikube's addon names.
nodeimages_addon() {
  MINIKUBE_HOME=$tools_home/minikube "$bin/minikube" addons images "$1" 2>>"$log/nodeimage.log" |
    sed 's/│/|/g' | awk -F '|' '{ gsub(/ /, "") } $3 ~ /:/ { print $4 "/" $3; exit }'
}

# nodeimages_import WORK TREE: all of them, and those of minikube's addons storage-provisioner and metrics-server.
nodeimages_import() {
  local work=$1 tree=$2 name program
  while read -r name; do
    case ${name##*/} in
      pause:*) nodeimages_pause "$work" "$name" ;;
      kube-proxy:*) nodeimages_proxy "$work" "$tree" "$name" ;;
      etcd:*) nodeimages_program "$work" "$name" etcd-server etcd ;;
      coredns:*) nodeimages_program "$work" "$name" coredns coredns ;;
      *) program=${name##*/} && nodeimages_program "$work" "$name" "${program%:*}" "${program%:*}" ;;
    esac
  done < <(nodeimages_names)
  nodeimages_program "$work" "$(nodeimages_addon storage-provisioner)" storage-provisioner storage-provisioner
  name=$(nodeimages_addon metrics-server)
  nodeimages_program "$work" "${name%@*}" metrics-server metrics-server
  # The runtime asks for it without the tag, where a digest follows that; and the digest is of another's build.
  ctr --address "$work/containerd.sock" --namespace k8s.io images tag "${name%@*}" "${name%:*@*}@${name#*@}" >>"$log/nodeimage.log"
}

# nodeimages_program WORK NAME PROGRAM ITS-NAME: found by its name, and by its place at the root.
nodeimages_program() {
  local work=$1 name=$2 program=$3 as=$4
  rm -rf "$work/root"
  install -D -m 755 "$bin/$program" "$work/root/usr/local/bin/$as"
  ln -s "usr/local/bin/$as" "$work/root/$as"
  nodeimages_store "$work" "$name" "\"/$as\""
}

nodeimages_pause() {
  rm -rf "$1/root"
  mkdir -p "$1/root"
  cc -static -Os -s -o "$1/root/pause" "$repo/tools/images/pause/pause.c" || fail pause "the C compiler did not build it"
  nodeimages_store "$1" "$2" '"/pause"'
}

# kube-proxy calls iptables and conntrack: Debian's, with the libraries they name and the extensions of iptables.
nodeimages_proxy() {
  local work=$1 tree=$2 name=$3 libraries file link
  libraries=usr/lib/$(uname -m)-linux-gnu
  rm -rf "$work/root"
  install -D -m 755 "$bin/kube-proxy" "$work/root/usr/local/bin/kube-proxy"
  mkdir -p "$work/root/$libraries" "$work/root/usr/sbin" "$work/root/etc" "$work/root/run" "$work/root/tmp"
  for link in lib lib64 sbin bin; do ln -s "usr/$link" "$work/root/$link"; done
  mkdir -p "$work/root/usr/lib64" "$work/root/usr/bin"
  cp "$tree/usr/sbin/xtables-nft-multi" "$tree/usr/sbin/conntrack" "$work/root/usr/sbin/"
  for link in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
    ln -s xtables-nft-multi "$work/root/usr/sbin/$link"
  done
  cp -r "$tree/$libraries/xtables" "$work/root/$libraries/"
  for file in "$tree"/usr/sbin/{xtables-nft-multi,conntrack} "$tree/$libraries"/xtables/*.so; do
    chroot "$tree" ldd "${file#"$tree"}" 2>/dev/null || true
  done | grep -oE '/[^ ]+\.so[^ ]*' | sort -u | while read -r file; do
    cp -L "$tree$file" "$work/root$file"
  done
  cp "$tree/etc/protocols" "$work/root/etc/" 2>/dev/null || true
  nodeimages_store "$work" "$name"
}

# nodeimages_store WORK NAME [ENTRYPOINT]: WORK/root becomes the image.
nodeimages_store() {
  local work=$1 name=$2 layer config
  tar -C "$work/root" --owner=0 --group=0 --numeric-owner --mtime=@0 --sort=name -cf "$work/layer.tar" .
  layer=$(sha256sum "$work/layer.tar" | cut -d' ' -f1)
  printf '{"architecture":"%s","os":"linux","config":{"Env":["PATH=/usr/local/bin:/usr/sbin:/usr/bin"]%s},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
    "$(image_architecture)" "${3:+,\"Entrypoint\":[$3]}" "$layer" >"$work/config"
  config=$(sha256sum "$work/config" | cut -d' ' -f1).json
  mv "$work/config" "$work/$config"
  printf '[{"Config":"%s","RepoTags":["%s"],"Layers":["layer.tar"]}]' "$config" "$name" >"$work/manifest.json"
  tar -C "$work" -cf - manifest.json "$config" layer.tar |
    ctr --address "$work/containerd.sock" --namespace k8s.io images import --no-unpack - >>"$log/nodeimage.log" 2>&1 ||
    fail nodes "$name could not be stored" "$log/nodeimage.log"
  rm -f "$work/$config" "$work/layer.tar" "$work/manifest.json"
}
