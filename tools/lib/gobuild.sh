# Builds the commands of tools/go/NAME into the store, keyed by what went in, and links them into bin/.
# shellcheck shell=bash source=tools/lib/home.sh

# go_version NAME MODULE: the version that tools/go/NAME requires of it.
go_version() { sed -n "s|^require $2 \(v[^ ]*\).*|\1|p" "$repo/tools/go/$1/go.mod"; }

# go_source NAME MODULE: the folder of the module's source, as tools/go/NAME pins it.
go_source() {
  (cd "$repo/tools/go/$1" && export GOFLAGS=-mod=readonly && go mod download "$2" && go list -m -f '{{.Dir}}' "$2")
}

# go_ensure NAME MODULE FLAGS PACKAGE...: FLAGS are extra -ldflags; @version@ stands for the module's version.
go_ensure() {
  local name=$1 module=$2 flags=$3 version key folder start
  shift 3
  version=$(go_version "$name" "$module")
  key=$(cat "$repo/tools/go/$name/go.mod" <(echo "$flags" "$@") | sha256sum | cut -c1-8)
  folder=$store/$name-$version-$key
  if [[ ! -d $folder ]]; then
    command -v go >/dev/null || fail "$name" "Go is not installed, and $name is built from its Go module"
    start=$(now_ms)
    say "$name" "building $version (minutes, the first time; log: $log/build-$name.log)"
    mkdir -p "$store" "$folder.part"
    (
      cd "$repo/tools/go/$name"
      export CGO_ENABLED=${go_cgo:-0} GOFLAGS="-mod=readonly -buildvcs=false ${go_tags:+-tags=$go_tags}"
      nice -n 10 go build -trimpath -ldflags "-s -w ${flags//@version@/$version}" -o "$folder.part/" "$@"
    ) </dev/null >"$log/build-$name.log" 2>&1 9>&- || fail "$name" "did not build" "$log/build-$name.log"
    # A command is named after its folder; compose keeps its own in one called cmd, etcd in one called server.
    [[ ! -e $folder.part/cmd ]] || mv "$folder.part/cmd" "$folder.part/docker-$name"
    [[ ! -e $folder.part/server ]] || mv "$folder.part/server" "$folder.part/$name-server"
    mv -T "$folder.part" "$folder"
    say "$name" "built $version ($(took "$start"))"
  fi
  ln -sfn "$folder"/* "$bin/"
}

kubernetes_ensure() {
  local variables=k8s.io/component-base/version commands=() command version minor
  version=$(go_version kubernetes k8s.io/kubernetes)
  minor=${version#v1.}
  for command in kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubeadm kubectl; do
    commands+=("k8s.io/kubernetes/cmd/$command")
  done
  go_ensure kubernetes k8s.io/kubernetes \
    "-X $variables.gitVersion=@version@ -X $variables.gitMajor=1 -X $variables.gitMinor=${minor%%.*} -X $variables.gitTreeState=clean" \
    "${commands[@]}"
}
coredns_ensure() { go_ensure coredns github.com/coredns/coredns "" github.com/coredns/coredns; }
metrics_server_ensure() {
  go_ensure metrics-server sigs.k8s.io/metrics-server "-X k8s.io/component-base/version.gitVersion=@version@" \
    sigs.k8s.io/metrics-server/cmd/metrics-server
}
helm_ensure() {
  go_ensure helm helm.sh/helm/v3 "-X helm.sh/helm/v3/internal/version.version=@version@" helm.sh/helm/v3/cmd/helm
}
kind_ensure() { go_ensure kind sigs.k8s.io/kind "" sigs.k8s.io/kind; }
crictl_ensure() { go_ensure crictl sigs.k8s.io/cri-tools "-X sigs.k8s.io/cri-tools/pkg/version.Version=@version@" sigs.k8s.io/cri-tools/cmd/crictl; }
# As etcd-server: the cluster "local" takes Debian's etcd.
etcd_ensure() { go_ensure etcd go.etcd.io/etcd/server/v3 "" go.etcd.io/etcd/server/v3; }
# As its Makefile does it: libvirt is opened when it is asked for, and not needed to build.
minikube_ensure() {
  local variables=k8s.io/minikube/pkg/version
  go_cgo=1 go_tags=libvirt_dlopen go_ensure minikube k8s.io/minikube \
    "-X $variables.version=@version@ -X $variables.isoVersion=@version@ -X $variables.storageProvisionerVersion=v5" k8s.io/minikube/cmd/minikube
}
storage_provisioner_ensure() { go_ensure storage-provisioner k8s.io/minikube "" k8s.io/minikube/cmd/storage-provisioner; }
buildx_ensure() {
  go_ensure buildx github.com/docker/buildx "-X github.com/docker/buildx/version.Version=@version@" \
    github.com/docker/buildx/cmd/buildx
}
compose_ensure() {
  go_ensure compose github.com/docker/compose/v2 "-X github.com/docker/compose/v2/internal.Version=@version@" \
    github.com/docker/compose/v2/cmd
}
# Only to be measured against.
task_ensure() { go_ensure task github.com/go-task/task/v3 "" github.com/go-task/task/v3/cmd/task; }
