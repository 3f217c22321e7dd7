# shellcheck shell=bash
# Allows one run at a time per database: a second backup would remove the first one's files as leftovers. The database
# itself holds the lock: if a run is killed, or its node is cut off, its session ends and so does the lock.

lock() {
  await database_answers
  forget_errors
  coproc LOCK { exec_session; }
  ask "$session_query" ||
    fail "$FAILED" "can't sign in to the database at $database_host" "Check that it runs and that $database_access are correct"
  # shellcheck disable=SC2034 # a restore may have to know it
  lock_session=$answer
  { ask "$lock_query" && [[ $answer == 1 ]]; } ||
    fail "$FAILED" "another backup, snapshot or restore of this database is running" "Run this again when it has finished"
}

# await COMMAND: retries until it succeeds, for at most $BACKUP_WAIT_SECONDS. A network policy may take some time to admit
# a new pod's traffic, and a database may just be starting: neither should use up one of the Job's retries. Other failures
# are not waited for; whoever needs the result reports them.
await() {
  local until=$((SECONDS + BACKUP_WAIT_SECONDS))
  until "$1" || ((SECONDS >= until)); do sleep 1; done
}

# still_locked: checks that the session has not ended meanwhile; called before anything that would damage another run.
still_locked() {
  ask "SELECT 1" ||
    fail "$FAILED" "the connection to the database at $database_host was lost" "Run it again when the database runs"
}

# ask QUERY: sets "answer" to the one-line answer. When a coprocess ends, bash unsets its variables.
ask() {
  answer=''
  { printf '%s;\n' "$1" >&"${LOCK[1]-}"; } && IFS= read -r answer <&"${LOCK[0]-}"
}
