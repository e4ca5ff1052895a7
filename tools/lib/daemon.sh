# Background programs by process id. A pid file holds the id, its start time and the boot, so that a
# reused id is never taken for ours, and never killed.
# shellcheck shell=bash source=tools/lib/home.sh

# daemon_identity PID: prints "PID START BOOT" of a live process; fails for a dead one or a zombie.
daemon_identity() {
  local stat fields boot
  { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
  read -ra fields <<<"${stat##*) }"     # the name before the last ")" may hold spaces
  [[ ${fields[0]} != Z ]] || return 1
  boot=$(</proc/sys/kernel/random/boot_id)
  echo "$1 ${fields[19]} $boot"
}

# daemon_pid NAME: its process id, if it is alive and really the one we started.
daemon_pid() {
  local file=$run/$1.pid recorded
  [[ -s $file ]] || return 1
  recorded=$(<"$file")
  [[ $(daemon_identity "${recorded%% *}") == "$recorded" ]] || return 1
  echo "${recorded%% *}"
}

daemon_alive() { daemon_pid "$1" >/dev/null; }

# daemon_start NAME COMMAND...: starts it detached, unless it is alive; its words go to log/NAME.log.
daemon_start() {
  local name=$1 pid
  shift
  daemon_alive "$name" && return
  [[ ! -e $log/$name.log ]] || mv -f "$log/$name.log" "$log/$name.log.1"
  # A session of its own survives our shell; 9 is the lock, which must not outlive us.
  setsid nohup "$@" >"$log/$name.log" 2>&1 </dev/null 9>&- &
  pid=$!
  daemon_identity "$pid" >"$run/$name.pid" || fail "$name" "ended at once" "$log/$name.log"
}

# daemon_stop NAME SECONDS: asks, waits that long, then insists.
daemon_stop() {
  local name=$1 tries=$(($2 * 20)) pid
  if pid=$(daemon_pid "$name"); then
    kill -TERM "$pid" 2>/dev/null || true
    while ((tries-- > 0)) && daemon_alive "$name"; do sleep 0.05; done
    if daemon_alive "$name"; then kill -KILL "$pid" 2>/dev/null || true; fi
  fi
  rm -f "$run/$name.pid"
}

# until_true SECONDS COMMAND...: tries until it succeeds; the one place that polls.
until_true() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || return 1
    sleep 0.1
  done
}
