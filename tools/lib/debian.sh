# A small Debian 12 tree made by debootstrap, with this machine's certificates and its apt, pip and npm
# settings inside: what a `docker build` here needs to reach the package registries, and its Dockerfile need not know.
# shellcheck shell=bash source=tools/lib/home.sh disable=SC2154

debian_suite=bookworm
debian_bundle=/etc/ssl/certs/ca-certificates.crt

# debian_sources: this machine's own sources of that suite, one `deb` line each; nothing on another system.
debian_sources() {
  command -v apt-get >/dev/null || return 0
  # shellcheck disable=SC2016
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
    awk -v suite="$debian_suite" 'index($2, suite) == 1 { print "deb", $1, $2, $3 }' | sort -u
}

debian_apt_settings() { apt-config dump 2>/dev/null | grep -E '^Acquire::(https?::Proxy|Check-)[^ ]* "[^"]' || true; }

debian_pip_settings() {
  printf '[global]\ncert = %s\n' "$debian_bundle"
  pip config list 2>/dev/null | sed -nE \
    "s/^(global|:env:)\.(index-url|extra-index-url|trusted-host|proxy|default-timeout)='(.*)'$/\2 = \3/p" | sed 's/^default-//' | sort -u
}

debian_npm_settings() {
  echo "cafile=$debian_bundle"
  npm config get registry proxy https-proxy noproxy strict-ssl 2>/dev/null |
    grep -vE '=(|null|undefined|true)$' || true
}

# debian_machine_settings: all of it, to tell whether anything changed.
debian_machine_settings() {
  debian_sources
  debian_apt_settings
  debian_pip_settings
  debian_npm_settings
  cat "$debian_bundle" 2>/dev/null || true
}

# debian_tree FOLDER
debian_tree() {
  local folder=$1 mirror
  rm -rf --one-file-system "$folder"
  mirror=$(debian_sources | awk -v suite="$debian_suite" '$3 == suite { print $2; exit }')
  nice -n 10 debootstrap --variant=minbase --include=ca-certificates,netbase "$debian_suite" "$folder" ${mirror:+"$mirror"} \
    </dev/null >"$log/debootstrap.log" 2>&1 || fail debian "debootstrap did not make the tree" "$log/debootstrap.log"
  debian_trust "$folder"
  debian_sources >"$folder/etc/apt/sources.list"
  [[ -s $folder/etc/apt/sources.list ]] || rm "$folder/etc/apt/sources.list"
  debian_apt_settings >"$folder/etc/apt/apt.conf.d/90machine"
  debian_pip_settings >"$folder/etc/pip.conf"
  mkdir -p "$folder/usr/local/etc"
  debian_npm_settings >"$folder/usr/local/etc/npmrc"
  debian_slim "$folder"
}

# Certificates that this machine trusts beyond Debian's are trusted inside, too.
debian_trust() {
  cp /usr/local/share/ca-certificates/*.crt "$1/usr/local/share/ca-certificates/" 2>/dev/null || true
  chroot "$1" update-ca-certificates >>"$log/debootstrap.log" 2>&1
}

# What an image does without: caches, lists, manuals, and services that a package would start.
debian_slim() {
  local folder=$1
  printf '#!/bin/sh\nexit 101\n' >"$folder/usr/sbin/policy-rc.d"
  chmod +x "$folder/usr/sbin/policy-rc.d"
  printf '%s\n' 'path-exclude /usr/share/doc/*' 'path-include /usr/share/doc/*/copyright' \
    'path-exclude /usr/share/man/*' 'path-exclude /usr/share/locale/*' >"$folder/etc/dpkg/dpkg.cfg.d/slim"
  printf '%s\n' 'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };' 'Acquire::Languages "none";' \
    'Dir::Cache::pkgcache "";' 'Dir::Cache::srcpkgcache "";' >"$folder/etc/apt/apt.conf.d/10slim"
  find "$folder/usr/share/doc" -type f ! -name copyright -delete
  rm -rf "$folder"/usr/share/man/* "$folder"/usr/share/locale/* "$folder"/var/cache/apt/* "$folder"/var/lib/apt/lists/* \
    "$folder"/var/log/*.log "$folder"/var/log/apt/*
  : >"$folder/etc/resolv.conf"
  : >"$folder/etc/hostname"
}
