# shellcheck shell=bash
# Archives in a folder. KIND is archives or snapshots, PATH is KIND/NAME, FILE is a file below `staged PATH` or PATH.

remedy="Check that BACKUP_DIR ($BACKUP_DIR) has free space and is writable for user $(id -u), then run it again"

# Until it is complete, an archive has a name that no archive can have, and that a person recognizes as unfinished.
staged() { printf '%s/.partial-%s\n' "${1%/*}" "${1##*/}"; }

put() { mkdir -p "$BACKUP_DIR/${1%/*}" && cat >"$BACKUP_DIR/$1"; }
get() { cat "$BACKUP_DIR/$1"; }
sizes() { stat --format=%s "$BACKUP_DIR/$1"/*; }

# publish PATH: reads the manifest from stdin. Data is synced to disk before the rename: a power failure must not leave
# an empty archive.
publish() {
  local stage
  stage=$BACKUP_DIR/$(staged "$1")
  cat >"$stage/manifest.json" && sync "$stage"/* "$stage" &&
    mv --no-target-directory "$stage" "$BACKUP_DIR/$1" && sync "$BACKUP_DIR/${1%/*}"
}

unpublish() { mv --no-target-directory "$BACKUP_DIR/$1" "$BACKUP_DIR/$(staged "$1")"; }
discard() { rm -rf "${BACKUP_DIR:?}/$(staged "$1")"; }

# Prints the manifests of all complete archives of a KIND.
manifests() { files "$1" -mindepth 2 -maxdepth 2 -name manifest.json ! -path '*/.partial-*' -exec cat {} +; }

# Prints the NAMEs of the partial archives that killed runs have left.
leftovers() { files "$1" -mindepth 1 -maxdepth 1 -name '.partial-*' -printf '%f\n' | sed 's/^\.partial-//'; }

# files KIND EXPRESSION: like find; before the first archive there is no folder, which is not an error.
files() { [[ ! -d $BACKUP_DIR/$1 ]] || find "$BACKUP_DIR/$1" "${@:2}"; }
