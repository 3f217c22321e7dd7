# shellcheck shell=bash
# PostgreSQL's implementation of the database functions. libpq reads the connection from the environment.

database_access="PGUSER, PGPASSWORD and PGDATABASE"
session_query="SELECT pg_backend_pid()"
# "store-ba" in ASCII: a number that nobody else uses by chance. Waits at most lock_timeout.
lock_query="SELECT 1 FROM pg_advisory_lock(x'73746f72652d6261'::bigint)"
size_query="SELECT pg_database_size(current_database())"
load_remedy="Correct the cause and run it again (out of shared memory: raise the server's max_locks_per_transaction)"

connection_settings() {
  need PGHOST PGUSER PGDATABASE
  database_host=$PGHOST
  # If the server does not respond, fail so that the Job retries; do not hang.
  export PGCONNECT_TIMEOUT=${PGCONNECT_TIMEOUT:-10} PGOPTIONS=${PGOPTIONS:--c lock_timeout=30s} PGAPPNAME=store-backup
}

# database_answers: whether it accepts connections; credentials are not checked.
database_answers() { pg_isready --quiet --timeout=5; }

# exec_session: answers queries from stdin, one line each.
exec_session() { exec psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1; }

# query_database SQL: prints its single result; half a minute is enough for queries that only count.
query_database() {
  PGOPTIONS="$PGOPTIONS -c statement_timeout=30s" timeout 60 psql --no-psqlrc --quiet --tuples-only --no-align --command="$1"
}

dump_database() { pg_dump --format=custom --lock-wait-timeout=60s; }
read_dump() { pg_restore --file=/dev/null; }

# load_dump FILE: pg_restore can't run our statements in its transaction, so psql runs both. pg_restore's output ends
# with COMMIT: if the stream ends early there is none, and the database is unchanged.
load_dump() {
  { cat "$lib/postgres/empty.sql" && get "$1" | pg_restore --single-transaction --no-owner --file=-; } |
    psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --set lock_session="$lock_session" --output=/dev/null
}

# A dump contains no planner statistics; without them the first queries are slow.
settle_database() { psql --no-psqlrc --quiet --command=ANALYZE; }
