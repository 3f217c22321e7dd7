# shellcheck shell=bash
# Reports any failure as one line on stderr, without secrets, and removes partial results.

readonly FAILED=1 MISUSED=2 ABSENT=3 DAMAGED=4
work=
# The archive being made and the folder being filled: both are removed if this run fails.
unfinished_archive=
unfinished_folder=

# From here on, programs' stderr is captured; `fail` quotes the line that says why.
collect_errors() {
  work=$(mktemp -d "${TMPDIR:-/tmp}/store-backup.XXXXXX")
  exec {user_stderr}>&2 2>>"$work/errors"
  trap finish EXIT
  trap 'exit 143' TERM
  trap 'exit 130' INT
  # Writing to a program that has ended must be reported as an error, not kill this script.
  trap : PIPE
}

# Called before each step, so that an earlier step's warning is not mistaken for the cause.
forget_errors() {
  : >"$work/errors"
}

# fail CODE WHAT REMEDY: reports that WHAT failed, the cause as the programs reported it, and the REMEDY; exits with
# CODE.
fail() {
  local cause
  cause=$(cause)
  say "$2${cause:+: ${cause%.}}. $3."
  : >"$work/reported"
  exit "$1"
}

# The first line that looks like a cause, shortened and without rclone's timestamp. Never more than that line:
# PostgreSQL's DETAIL and CONTEXT quote customers' rows.
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
