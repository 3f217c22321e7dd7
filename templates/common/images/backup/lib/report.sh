# shellcheck shell=bash
# Writes what a backup measured to $BACKUP_REPORT, as one line of JSON, which the store's status copies. A count that
# fails is omitted, and does not fail the backup.

# report BYTES
report() {
  local file=${BACKUP_REPORT:-/dev/termination-log}
  [[ -w $file ]] || return 0
  {
    printf '{"bytes":%s' "$1"
    number databaseBytes query_database "$size_query"
    [[ -z $UPLOADS_DIR ]] || number uploadsBytes uploads_size
    [[ -z ${BACKUP_ORDERS_QUERY-} ]] || number orders query_database "$BACKUP_ORDERS_QUERY"
    printf '}\n'
  } >"$file" || true
}

# number NAME COMMAND...: prints the number that the command prints as a field of the report; nothing if it prints none.
number() {
  local value
  value=$("${@:2}") || true
  [[ ! $value =~ ^[0-9]{1,15}$ ]] || printf ',"%s":%s' "$1" "$value"
}

# A file that is removed meanwhile must not prevent the sum.
uploads_size() {
  timeout 60 du --summarize --block-size=1 --exclude=./lost+found "$UPLOADS_DIR" | cut -f 1
}
