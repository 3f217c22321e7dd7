# shellcheck shell=bash
# One line on stderr for whatever goes wrong, no secret in it, nothing half-made left behind.

readonly FAILED=1 MISUSED=2 ABSENT=3 DAMAGED=4
work=
# An archive being made, and a folder being filled: what goes when this run does not come to its end.
unfinished_archive=
unfinished_folder=

# From here on what programs print on stderr is kept aside; `fail` quotes the line that says why.
collect_errors() {
  work=$(mktemp -d "${TMPDIR:-/tmp}/store-backup.XXXXXX")
  exec {user_stderr}>&2 2>>"$work/errors"
  trap finish EXIT
  trap 'exit 143' TERM
  trap 'exit 130' INT
  # A write to a program that has ended is an error to report, not our own death.
  trap : PIPE
}

# Before each step, so that a warning of an earlier one is not taken for the cause.
forget_errors() {
  : >"$work/errors"
}

# fail CODE WHAT REMEDY: says that WHAT failed, why by the programs' own words, and the REMEDY; ends with CODE.
fail() {
  local cause
  cause=$(cause)
  say "$2${cause:+: ${cause%.}}. $3."
  : >"$work/reported"
  exit "$1"
}

# The first line that looks like a cause, without rclone's time stamp, and in one line's length. Never more than that
# line: PostgreSQL's DETAIL and CONTEXT quote customers' rows.
cause() {
  { grep -m 1 -iE 'error|fatal|fail|denied|refused|no such|cannot|not permitted' "$work/errors" ||
    grep -v -E '^(DETAIL|CONTEXT|HINT)' "$work/errors" || true; } |
    tail -n 1 | tr -d '\000-\037' |
    sed -E 's|^[0-9/]+ [0-9:]+ ||; s|directory not found$|there is no such bucket|' | cut -c 1-400
}

say() {
  local line=$1 secret
  for secret in PGPASSWORD MYSQL_PWD AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN; do
    if [[ -n ${!secret-} ]]; then line=${line//"${!secret}"/'***'}; fi
  done
  printf 'store-backup: %s\n' "$line" >&"$user_stderr"
}

finish() {
  local code=$?
  trap - EXIT
  set +e
  if ((code != 0)) && [[ ! -e $work/reported ]]; then
    say "ended unexpectedly with code $code: $(cause). Run it again; if it ends so again, this is a bug."
  fi
  if [[ -n $unfinished_archive ]]; then discard "$unfinished_archive"; fi
  if [[ -n $unfinished_folder ]]; then rm -rf "$unfinished_folder"; fi
  rm -rf "$work"
  exit "$code"
}
