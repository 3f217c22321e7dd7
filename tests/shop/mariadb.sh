#!/bin/sh
# What the official MariaDB image does with its environment: initialize the database once, then run the server.
set -eu
server="/usr/sbin/mariadbd --no-defaults --datadir=/var/lib/mysql --socket=/run/mysqld/mysqld.sock --bind-address=127.0.0.1"
if [ ! -d /var/lib/mysql/mysql ]; then
  mariadb-install-db --no-defaults --datadir=/var/lib/mysql --skip-test-db --auth-root-authentication-method=normal > /dev/null
  $server --bootstrap <<SQL
DELETE FROM mysql.global_priv WHERE user <> 'root' AND user <> 'mariadb.sys' OR user = 'root' AND host <> 'localhost';
FLUSH PRIVILEGES;
ALTER USER root@localhost IDENTIFIED BY '$MARIADB_ROOT_PASSWORD';
CREATE USER root@\`%\` IDENTIFIED BY '$MARIADB_ROOT_PASSWORD';
GRANT ALL ON *.* TO root@\`%\` WITH GRANT OPTION;
CREATE DATABASE \`$MARIADB_DATABASE\`;
CREATE USER \`$MARIADB_USER\`@\`%\` IDENTIFIED BY '$MARIADB_PASSWORD';
GRANT ALL ON \`$MARIADB_DATABASE\`.* TO \`$MARIADB_USER\`@\`%\`;
SQL
fi
exec $server "$@"
