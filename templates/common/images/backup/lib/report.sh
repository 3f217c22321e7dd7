# shellcheck shell=bash
# What a backup counted, as one line of JSON in $BACKUP_REPORT, from where the status of the store has it. A count that
# fails is left out, and fails no backup.

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

# number NAME COMMAND...: the number that the command prints, as a field of the report; nothing where it prints none.
number() {
  local value
  value=$("${@:2}") || true
  [[ ! $value =~ ^[0-9]{1,15}$ ]] || printf ',"%s":%s' "$1" "$value"
}

# A file that was removed meanwhile is no reason to have no sum.
uploads_size() {
  timeout 60 du --summarize --block-size=1 --exclude=./lost+found "$UPLOADS_DIR" | cut -f 1
}
