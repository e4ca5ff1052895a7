# A PostgreSQL that stands in for a managed database: reached by DATABASE_URL alone, from this machine and from the
# cluster's pods. Started only where the user names none.
# shellcheck shell=bash source=tools/lib/home.sh disable=SC2154

database_port=54329
database_folder=$state/postgres
database_password=$state/postgres.password

# database_programs: the folder of initdb and postgres.
database_programs() {
  local folder
  for folder in /usr/lib/postgresql/*/bin; do [[ ! -x $folder/initdb ]] || echo "$folder"; done | sort -V | tail -1 | grep .
}

database_url() { echo "postgresql://todo:$(<"$database_password")@$(node_address):$database_port/todo"; }

database_answers() { "$(database_programs)/pg_isready" --quiet --host 127.0.0.1 --port "$database_port" --timeout 2; }

# As the user postgres, since PostgreSQL refuses to run as root; our folders are not open to that user by themselves.
database_run() {
  setpriv --reuid postgres --regid postgres --clear-groups --inh-caps +dac_override --ambient-caps +dac_override -- "$@"
}

database_install() {
  if database_programs >/dev/null && id postgres >/dev/null 2>&1; then return; fi
  # Debian would make a cluster of its own, and start it.
  if [[ ! -e /etc/postgresql-common/createcluster.conf ]]; then
    mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
  fi
  packages_ensure postgresql
}

# An empty database `todo`, whose password is made here.
database_make() {
  local programs
  [[ ! -s $database_folder/PG_VERSION || ! -s $database_password ]] || return 0
  programs=$(database_programs)
  folder_remove "$database_folder"
  install -d -m 700 -o postgres -g postgres "$database_folder"
  (umask 077 && head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$database_password")
  {
    database_run "$programs/initdb" --pgdata "$database_folder" --username todo --pwfile /dev/stdin --auth scram-sha-256 \
      --encoding UTF8 --locale C.UTF-8 --no-sync <"$database_password" &&
      echo 'CREATE DATABASE todo' | database_run "$programs/postgres" --single -D "$database_folder" postgres
  } >"$log/initdb.log" 2>&1 || fail database "initdb did not make it" "$log/initdb.log"
  printf 'host todo todo %s scram-sha-256\n' 127.0.0.1/32 "$(node_address)/32" "$pod_network" >"$database_folder/pg_hba.conf"
}

database_up() {
  local start
  if [[ -n ${DATABASE_URL:-} && ! $DATABASE_URL == *":$database_port/todo" ]]; then
    say database "DATABASE_URL names one, not ours"
    return
  fi
  if daemon_alive postgres && database_answers; then
    say database "already there"
    return
  fi
  start=$(now_ms)
  database_install
  database_make
  # A lost machine leaves its lock behind, with the id of a process that may be another's now.
  daemon_alive postgres || rm -f "$database_folder/postmaster.pid"
  daemon_start postgres setpriv --reuid postgres --regid postgres --clear-groups --inh-caps +dac_override --ambient-caps +dac_override -- \
    "$(database_programs)/postgres" -D "$database_folder" -p "$database_port" -c "listen_addresses=127.0.0.1,$(node_address)" \
    -c unix_socket_directories= -c fsync=off -c max_connections=200
  until_true 30 database_answers || fail database "PostgreSQL did not answer within 30 s" "$log/postgres.log"
  say database "PostgreSQL on port $database_port; tools/env names it as DATABASE_URL ($(took "$start"))"
}

# Whoever is connected is sent away: a plain TERM would wait for them.
database_down() {
  local pid
  ! pid=$(daemon_pid postgres) || kill -INT "$pid" 2>/dev/null || true
  daemon_stop postgres 10
}
