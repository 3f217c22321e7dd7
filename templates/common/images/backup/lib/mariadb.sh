# shellcheck shell=bash
# MariaDB, for all that asks a database. The password is in MYSQL_PWD, which its programs read themselves.

database_access="MARIADB_USER, MYSQL_PWD and MARIADB_DATABASE"
session_query="SELECT CONNECTION_ID()"
lock_query="SELECT GET_LOCK('store-backup', 30)"
size_query="SELECT COALESCE(SUM(data_length + index_length), 0) FROM information_schema.tables WHERE table_schema = DATABASE()"
load_remedy="Correct the cause and run it again"
# Where a restore puts what comes, and what goes.
readonly COMING=store_restore_coming GOING=store_restore_going

connection_settings() {
  need MARIADB_HOST MARIADB_USER MARIADB_DATABASE
  database_host=$MARIADB_HOST
  connection=(--no-defaults "--host=$MARIADB_HOST" "--port=${MARIADB_PORT:-3306}" --protocol=tcp "--user=$MARIADB_USER")
  connection+=(--default-character-set=utf8mb4)
}

client() { mariadb "${connection[@]}" --connect-timeout=10 --batch --skip-column-names "$@"; }

# database_answers: whether it takes connections; who may connect is not asked.
database_answers() { mariadb-admin "${connection[@]}" --connect-timeout=5 --silent ping >/dev/null; }

# exec_session: answers queries from stdin, a line each.
exec_session() { exec mariadb "${connection[@]}" --connect-timeout=10 --batch --skip-column-names --unbuffered; }

# query_database SQL: its one answer; half a minute is long enough for what only counts.
query_database() {
  timeout 60 mariadb "${connection[@]}" --connect-timeout=10 --batch --skip-column-names \
    --init-command="SET max_statement_time = 30" --execute="$1" "$MARIADB_DATABASE"
}

# WordPress and WooCommerce have tables alone: no triggers, views or routines.
dump_database() {
  mariadb-dump "${connection[@]}" --single-transaction --quick --skip-triggers --hex-blob "$MARIADB_DATABASE" | gzip
}

# mariadb-dump's last line says that it came to its end.
read_dump() { gunzip | tail -n 1 | grep -q '^-- Dump completed'; }

# load_dump FILE: MariaDB has no transaction over tables that are made, so the dump fills a database beside the shop's,
# and when it is whole, one statement lets them change places.
load_dump() {
  local swap
  client --execute="DROP DATABASE IF EXISTS $COMING; DROP DATABASE IF EXISTS $GOING;
    CREATE DATABASE $COMING CHARACTER SET utf8mb4; CREATE DATABASE $GOING" &&
    get "$1" | gunzip | client "$COMING" &&
    swap=$(client --execute="SET group_concat_max_len = 16777216;
      SELECT GROUP_CONCAT(CONCAT('\`', table_schema, '\`.\`', table_name, '\` TO ',
        IF(table_schema = '$COMING', '\`$MARIADB_DATABASE\`', '$GOING'), '.\`', table_name, '\`')
        ORDER BY table_schema = '$COMING' SEPARATOR ', ')
      FROM information_schema.tables
      WHERE table_schema IN ('$COMING', '$MARIADB_DATABASE') AND table_type = 'BASE TABLE'") &&
    client --raw --execute="SET foreign_key_checks = 0; RENAME TABLE $swap" &&
    client --execute="DROP DATABASE $COMING; DROP DATABASE $GOING"
}

# Its statistics are its own matter.
settle_database() { :; }
