#!/bin/sh
# prepare.sh writes database.sql for the built server in this folder: the tables that this version's migrations make in an
# empty database. It needs Debian's PostgreSQL.
set -eu
cd "$(dirname "$0")"
area=$(mktemp -d)
programs=$(find /usr/lib/postgresql/*/bin -maxdepth 0 | sort --version-sort | tail -n 1)
port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => s.close(console.log(s.address().port)))')

# server PROGRAM ARGUMENT...: runs a program of PostgreSQL's, which does not run as root. Its user may not be allowed to be
# in this folder.
server() {
  program=$programs/$1
  shift
  (
    cd /
    set -- "$program" --pgdata "$area/database" "$@"
    if [ "$(id -u)" -eq 0 ]; then set -- setpriv --reuid postgres --regid postgres --clear-groups "$@"; fi
    "$@" >"$area/log"
  )
}

mkdir "$area/database" "$area/config"
if [ "$(id -u)" -eq 0 ]; then
  chmod 0755 "$area"
  chown postgres: "$area/database"
fi
server initdb --auth trust --username postgres --no-sync
server pg_ctl --log "$area/database/log" --wait --options "-h 127.0.0.1 -p $port -k '' -F" start
trap 'server pg_ctl --mode immediate stop; rm -rf "$area"' EXIT

export DATABASE_URL="postgres://postgres@127.0.0.1:$port/postgres" JWT_SECRET=none COOKIE_SECRET=none
export NODE_ENV=production MEDUSA_DISABLE_TELEMETRY=1 XDG_CONFIG_HOME="$area/config"
./node_modules/.bin/medusa db:migrate --skip-scripts --execute-safe-links
./node_modules/.bin/medusa db:migrate:scripts
"$programs/pg_dump" --no-owner --no-privileges --no-comments --inserts --file "$area/dump.sql" "$DATABASE_URL"
# Statements only: no comments, no commands of psql's, and no settings of the dump's session.
grep --invert-match --extended-regexp '^(--|SET |SELECT pg_catalog\.set_config|\\|$)' "$area/dump.sql" >database.sql
