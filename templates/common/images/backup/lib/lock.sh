# shellcheck shell=bash
# One run at a time for a database: a second backup would take the first one's files for leftovers. The database itself
# is the lock's keeper: when a run is killed, or its node is cut off, its session and with it the lock end.

lock() {
  await database_answers
  forget_errors
  coproc LOCK { exec_session; }
  ask "$session_query" ||
    fail "$FAILED" "the database at $database_host does not let us in" "See that it runs and that $database_access are right"
  # shellcheck disable=SC2034 # a restore may have to know it
  lock_session=$answer
  { ask "$lock_query" && [[ $answer == 1 ]]; } ||
    fail "$FAILED" "another backup, snapshot or restore of this database is running" "Run it again when that one is done"
}

# await COMMAND: until it succeeds, for $BACKUP_WAIT_SECONDS at most. A network policy can take a while to let a new pod's
# traffic through, and a database may just be starting: neither is worth one of the Job's tries. What fails for another
# reason is not waited for; whoever needs what was awaited reports why it can't be had.
await() {
  local until=$((SECONDS + BACKUP_WAIT_SECONDS))
  until "$1" || ((SECONDS >= until)); do sleep 1; done
}

# still_locked: before what would harm another run, see that the session did not end meanwhile.
still_locked() {
  ask "SELECT 1" ||
    fail "$FAILED" "the connection to the database at $database_host was lost" "Run it again when the database runs"
}

# ask QUERY: one line of answer. A coprocess that has ended takes its variables along.
ask() {
  answer=''
  { printf '%s;\n' "$1" >&"${LOCK[1]-}"; } && IFS= read -r answer <&"${LOCK[0]-}"
}
