# Debian packages: installs only those that are missing, with one apt-get update.
# shellcheck shell=bash source=tools/lib/say.sh

packages_missing() {
  local package
  for package in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || echo "$package"
  done
}

packages_ensure() {
  local missing start
  command -v dpkg-query >/dev/null || return 0    # not Debian: the commands themselves are checked when used
  mapfile -t missing < <(packages_missing "$@")
  ((${#missing[@]})) || return 0
  start=$(now_ms)
  say packages "installing ${missing[*]}"
  {
    apt-get update -q &&
      DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
  } </dev/null >"$log/packages.log" 2>&1 9>&- || fail packages "apt-get did not install them" "$log/packages.log"
  say packages "installed ($(took "$start"))"
}
