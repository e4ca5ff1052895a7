# Container images without Docker: a program alone in an image, written as a docker-archive; and
# the way of any docker-archive into the cluster's runtime.
# shellcheck shell=bash source=tools/lib/home.sh disable=SC2154

# image_of_program NAME FILE: a docker-archive on stdout whose only file is the program, which is its entrypoint.
image_of_program() {
  local name=$1 program=$2 work layer config
  work=$(mktemp -d)
  mkdir "$work/root"
  cp -L "$program" "$work/root/"
  # Same program, same bytes: fixed owner and times.
  tar -C "$work/root" --owner=0 --group=0 --numeric-owner --mtime=@0 --sort=name -cf "$work/layer.tar" .
  layer=$(sha256sum "$work/layer.tar" | cut -d' ' -f1)
  printf '{"architecture":"%s","os":"linux","config":{"Entrypoint":["/%s"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
    "$(image_architecture)" "${program##*/}" "$layer" >"$work/config"
  config=$(sha256sum "$work/config" | cut -d' ' -f1).json
  mv "$work/config" "$work/$config"
  printf '[{"Config":"%s","RepoTags":["%s"],"Layers":["layer.tar"]}]' "$config" "$name" >"$work/manifest.json"
  tar -C "$work" -cf - manifest.json "$config" layer.tar
  rm -rf "$work"
}

image_architecture() { case $(uname -m) in aarch64) echo arm64 ;; *) echo amd64 ;; esac; }

image_ctr() { timeout 300 ctr --address "$containerd_socket" --namespace k8s.io "$@"; }

image_loaded() { [[ -n $(image_ctr images list -q "name==$1" 2>/dev/null) ]]; }

# image_ensure NAME FILE: in the cluster's runtime, as an image of that program.
image_ensure() {
  image_loaded "$1" && return
  image_of_program "$1" "$2" | image_ctr images import - >"$log/image.log" 2>&1 || fail "$1" "could not be loaded" "$log/image.log"
}

# image_pause: the name of the pause image, by what is in it.
image_pause() { echo "localhost/pause:$(sha256sum "$repo/tools/images/pause/pause.c" | cut -c1-8)"; }

image_pause_ensure() {
  local work
  image_loaded "$(image_pause)" && return
  work=$(mktemp -d)
  cc -static -Os -s -o "$work/pause" "$repo/tools/images/pause/pause.c" || fail pause "the C compiler did not build it"
  image_ensure "$(image_pause)" "$work/pause"
  rm -rf "$work"
}
