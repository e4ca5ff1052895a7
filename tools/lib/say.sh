# Progress lines and failures, for a person at 2 a.m. Knows nothing of what it reports.
# shellcheck shell=bash

# say PART TEXT: one aligned line on stderr; stdout stays for data.
say() { printf '  %-14s %s\n' "$1" "$2" >&2; }

# fail PART TEXT [LOG]: the last word, with the end of the log that tells why.
fail() {
  say "$1" "FAILED: $2"
  if [[ -n ${3:-} && -s $3 ]]; then
    printf '\n  the last lines of %s:\n' "$3" >&2
    tail -n 15 "$3" | cut -c1-300 | sed 's/^/    /' >&2
  fi
  exit 1
}

# now_ms: a clock to subtract from later.
now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }

# took MS: the time since then, as a person says it.
took() {
  local ms=$(($(now_ms) - $1))
  if ((ms < 60000)); then
    printf '%d.%d s' $((ms / 1000)) $((ms % 1000 / 100))
  else
    printf '%d min %d s' $((ms / 60000)) $((ms / 1000 % 60))
  fi
}
