#!/bin/sh
# Builds the server into .medusa/server of this folder, with all it needs to run. Wants Node and npm's registry; no
# database and no secrets. DISABLE_MEDUSA_ADMIN=true leaves the admin's pages out (0.8 GB of memory instead of 2).
set -eu
cd "$(dirname "$0")"
export MEDUSA_DISABLE_TELEMETRY=1

# No package's own install script is needed, so none is run.
npm ci --ignore-scripts --no-audit --no-fund
./node_modules/.bin/medusa build
mv node_modules .medusa/server/
cp store-medusa .medusa/server/
cd .medusa/server
mkdir static
npm prune --omit=dev --ignore-scripts --no-audit --no-fund
# db:migrate wants to make these, which a read-only root and another user can't.
for module in node_modules/@medusajs/*/dist; do
  mkdir -p "$module/migrations"
done
