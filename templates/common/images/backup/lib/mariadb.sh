# shellcheck shell=bash
# MariaDB's implementation of the database functions. Its programs read the password from MYSQL_PWD.

database_access="MARIADB_USER, MYSQL_PWD and MARIADB_DATABASE"
session_query="SELECT CONNECTION_ID()"
lock_query="SELECT GET_LOCK('store-backup', 30)"
size_query="SELECT COALESCE(SUM(data_length + index_length), 0) FROM information_schema.tables WHERE table_schema = DATABASE()"
load_remedy="Correct the cause and run it again"
# The databases that a restore fills, and that it moves the old tables to.
readonly COMING=store_restore_coming GOING=store_restore_going

connection_settings() {
  need MARIADB_HOST MARIADB_USER MARIADB_DATABASE
  database_host=$MARIADB_HOST
  connection=(--no-defaults "--host=$MARIADB_HOST" "--port=${MARIADB_PORT:-3306}" --protocol=tcp "--user=$MARIADB_USER")
  connection+=(--default-character-set=utf8mb4)
}

client() { mariadb "${connection[@]}" --connect-timeout=10 --batch --skip-column-names "$@"; }

# database_answers: whether it accepts connections; credentials are not checked.
database_answers() { mariadb-admin "${connection[@]}" --connect-timeout=5 --silent ping >/dev/null; }

# exec_session: answers queries from stdin, one line each.
exec_session() { exec mariadb "${connection[@]}" --connect-timeout=10 --batch --skip-column-names --unbuffered; }

# query_database SQL: prints its single result; half a minute is enough for queries that only count.
query_database() {
  timeout 60 mariadb "${connection[@]}" --connect-timeout=10 --batch --skip-column-names \
    --init-command="SET max_statement_time = 30" --execute="$1" "$MARIADB_DATABASE"
}

# WordPress and WooCommerce use tables only: no triggers, views or routines.
dump_database() {
  mariadb-dump "${connection[@]}" --single-transaction --quick --skip-triggers --hex-blob "$MARIADB_DATABASE" | gzip
}

# mariadb-dump's last line confirms that it is complete.
read_dump() { gunzip | tail -n 1 | grep -q '^-- Dump completed'; }

# load_dump FILE: MariaDB has no transactions over DDL, so the dump fills a second database, and once it is complete,
# one statement exchanges the tables of the two.
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

# MariaDB updates its statistics itself.
settle_database() { :; }
