# One tools/up or tools/down at a time. Holds file descriptor 9 until the script ends.
# shellcheck shell=bash source=tools/lib/home.sh

take_lock() {
  mkdir -p "$tools_home"
  exec 9>"$tools_home/lock"
  flock --nonblock 9 && return
  say lock "another tools/up or tools/down runs; waiting for it"
  flock 9
}
