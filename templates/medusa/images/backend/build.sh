#!/bin/sh
# build.sh VERSION builds the server of that version into .medusa/server of this folder, with everything it needs to
# run. It needs Node and npm's registry; no database and no secrets. DISABLE_MEDUSA_ADMIN=true omits the admin's pages
# (0.8 GB of memory instead of 2).
set -eu
cd "$(dirname "$0")"
export MEDUSA_DISABLE_TELEMETRY=1

cp "versions/${1:?must be a folder of versions/}/package.json" "versions/$1/package-lock.json" .

# No package needs its install script, so none is run.
npm ci --ignore-scripts --no-audit --no-fund
# npm can exit with 0 and omit packages (an untrusted certificate, a machine without memory): ls compares what is
# installed with the lock file.
npm ls --all >/dev/null
./node_modules/.bin/medusa build
mv node_modules .medusa/server/
cp store-medusa await-database.js create-tables.js prepare.sh .medusa/server/
cd .medusa/server
mkdir static
npm prune --omit=dev --ignore-scripts --no-audit --no-fund
npm ls --all --omit=dev >/dev/null
# db:migrate creates these, which is impossible for another user on a read-only root.
for module in node_modules/@medusajs/*/dist src/modules/*; do
  mkdir -p "$module/migrations"
done
