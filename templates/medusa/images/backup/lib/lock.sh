# shellcheck shell=bash
# One run at a time for a database: a second backup would take the first one's files for leftovers. The database itself
# is the lock's keeper: when a run is killed, or its node is cut off, its session and with it the lock end.

lock() {
  forget_errors
  coproc LOCK { exec psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1; }
  ask "SELECT pg_backend_pid()" ||
    fail "$FAILED" "the database at $PGHOST does not let us in" "See that it runs and that PGUSER, PGPASSWORD and PGDATABASE are right"
  lock_session=$answer
  # "store-ba" in ASCII: a number that nobody else takes by chance. Waits for lock_timeout at most.
  ask "SELECT 1 FROM pg_advisory_lock(x'73746f72652d6261'::bigint)" ||
    fail "$FAILED" "another backup, snapshot or restore of this database is running" "Run it again when that one is done"
}

# still_locked: before what would harm another run, see that the session did not end meanwhile.
still_locked() {
  ask "SELECT 1" ||
    fail "$FAILED" "the connection to the database at $PGHOST was lost" "Run it again when the database runs"
}

# ask QUERY: one line of answer. A coprocess that has ended takes its variables along.
ask() {
  answer=''
  { printf '%s;\n' "$1" >&"${LOCK[1]-}"; } && IFS= read -r answer <&"${LOCK[0]-}"
}
