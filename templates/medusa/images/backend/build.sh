#!/bin/sh
# build.sh VERSION builds the server of that version into .medusa/server of this folder, with all it needs to run. Wants
# Node and npm's registry; no database and no secrets. DISABLE_MEDUSA_ADMIN=true leaves the admin's pages out (0.8 GB of
# memory instead of 2).
set -eu
cd "$(dirname "$0")"
export MEDUSA_DISABLE_TELEMETRY=1

cp "versions/${1:?must be a folder of versions/}/package.json" "versions/$1/package-lock.json" .

# No package's own install script is needed, so none is run.
npm ci --ignore-scripts --no-audit --no-fund
# npm can end with 0 and leave packages out (a certificate it doesn't trust, a starved machine): ls compares what is
# installed with the lock file.
npm ls --all >/dev/null
./node_modules/.bin/medusa build
mv node_modules .medusa/server/
cp store-medusa await-database.js .medusa/server/
cd .medusa/server
mkdir static
npm prune --omit=dev --ignore-scripts --no-audit --no-fund
npm ls --all --omit=dev >/dev/null
# db:migrate wants to make these, which a read-only root and another user can't.
for module in node_modules/@medusajs/*/dist src/modules/*; do
  mkdir -p "$module/migrations"
done
