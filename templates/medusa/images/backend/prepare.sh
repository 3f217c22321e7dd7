#!/bin/sh
# prepare.sh [UID] lets the built server in this folder start faster. It needs Debian's PostgreSQL, and makes
#
#   database.sql    the tables that this version's migrations make in an empty database
#   compile-cache   the compiled code of what Medusa loads, if this is Node 22 or newer
#
# Node finds compiled code by the path of its source and by the id of its process' user: UID, by default the caller's.
set -eu
cd "$(dirname "$0")"
user=${1:-$(id -u)}
area=$(mktemp -d)
cache=$PWD/compile-cache
programs=$(find /usr/lib/postgresql/*/bin -maxdepth 0 | sort --version-sort | tail -n 1)
port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => s.close(console.log(s.address().port)))')

# as USER COMMAND...: runs a command as another user, if this is root. PostgreSQL does not run as root.
as() {
  other=$1
  shift
  if [ "$(id -u)" -eq 0 ]; then setpriv --reuid "$other" --regid "$other" --clear-groups "$@"; else "$@"; fi
}

medusa() { as "$user" ./node_modules/.bin/medusa "$@"; }

# server PROGRAM ARGUMENT...: runs a program of PostgreSQL's. Its user may not be allowed to be in this folder.
server() {
  program=$programs/$1
  shift
  (cd / && as postgres "$program" --pgdata "$area/database" "$@" >"$area/log")
}

mkdir "$cache" "$area/database" "$area/config"
if [ "$(id -u)" -eq 0 ]; then
  chmod 0755 "$area"
  chown postgres: "$area/database"
  chown "$user:$user" "$cache" "$area/config"
fi
server initdb --auth trust --username postgres --no-sync
server pg_ctl --log "$area/database/log" --wait --options "-h 127.0.0.1 -p $port -k '' -F" start
trap 'server pg_ctl --mode immediate stop; rm -rf "$area"' EXIT

export DATABASE_URL="postgres://postgres@127.0.0.1:$port/postgres" JWT_SECRET=none COOKIE_SECRET=none
export NODE_ENV=production MEDUSA_DISABLE_TELEMETRY=1 NODE_COMPILE_CACHE="$cache" XDG_CONFIG_HOME="$area/config"
medusa db:migrate --skip-scripts --execute-safe-links
medusa db:migrate:scripts
"$programs/pg_dump" --no-owner --no-privileges --no-comments --inserts --file "$area/dump.sql" "$DATABASE_URL"
# Statements only: no comments, no commands of psql's, and no settings of the dump's session.
grep --invert-match --extended-regexp '^(--|SET |SELECT pg_catalog\.set_config|\\|$)' "$area/dump.sql" >database.sql
