# shellcheck shell=bash
# Make, list and prune archives. All but list_archives require the lock.

backup_archive() {
  local made name there
  made=$(date --utc +%Y-%m-%dT%H:%M:%SZ)
  name=${made//[-:]/}
  sweep archives
  there=$(manifest_of archives "$name")
  [[ -z $there ]] || fail "$FAILED" "an archive with the name of this second already exists" "Run it again"
  make_archive "archives/$name" "$name" "$made"
  prune archives "$BACKUP_KEEP" "$name"
  report "$archive_bytes"
  echo "backup $name is made"
}

# snapshot_archive NAME [NEEDED]
snapshot_archive() {
  local made there done='is there already and stays as it is'
  [[ $1 =~ ^[a-z0-9][a-z0-9.-]{0,62}$ ]] ||
    fail "$MISUSED" "a snapshot's name is 1 to 63 of a-z, 0-9, . and -, not starting with . or -" "Choose another name"
  # If the snapshot exists, it is kept: a retried Job would otherwise replace it with a half-migrated database. Assigned
  # to a variable first, because inside [[ ]] a failing listing would look like no snapshot.
  there=$(manifest_of snapshots "snapshot/$1")
  sweep snapshots
  if [[ -z $there ]]; then
    made=$(date --utc +%Y-%m-%dT%H:%M:%SZ)
    make_archive "snapshots/$1" "snapshot/$1" "$made"
    done='is made'
  fi
  prune snapshots "$SNAPSHOT_KEEP" "snapshot/$1" "${@:2}"
  echo "snapshot $1 $done"
}

list_archives() {
  local all
  all=$(all_manifests archives && all_manifests snapshots)
  # Sorted by the time it was made, which is the second field: {"made":"...","name":...
  sed -E '/./!d; s/,"sha256":.*/}/' <<<"$all" | sort --reverse
}

# make_archive PATH NAME MADE: sets archive_bytes.
make_archive() {
  local stage dump uploads='' again
  stage=$(staged "$1")
  unfinished_archive=$1
  forget_errors
  # tee's second output is the pipe around the braces, so the checksum is of what was dumped, not of what arrived.
  dump=$({ dump_database | tee /dev/fd/3 | put "$stage/database.dump"; } 3>&1 | digest) ||
    fail "$FAILED" "the database could not be dumped" "$remedy"
  # An archive is accepted only after it was read back: the same bytes, and the restore program can parse all of it.
  again=$({ get "$stage/database.dump" | tee -p /dev/fd/3 | read_dump; } 3>&1 | digest) &&
    [[ $again == "$dump" ]] ||
    fail "$FAILED" "the database's dump can't be read back completely" "$remedy"
  # After the database, so that every file its rows name was written before.
  if [[ -n $UPLOADS_DIR ]]; then
    forget_errors
    uploads=$({ pack_uploads | tee /dev/fd/3 | put "$stage/uploads.tar"; } 3>&1 | digest) ||
      fail "$FAILED" "the uploads could not be archived" "$remedy"
    again=$(get "$stage/uploads.tar" | digest) && [[ $again == "$uploads" ]] ||
      fail "$FAILED" "the uploads' archive can't be read back completely" "$remedy"
  fi
  archive_bytes=$(sizes "$stage" | awk '{ sum += $1 } END { printf "%.0f", sum }')
  still_locked
  forget_errors
  printf '{"made":"%s","name":"%s","bytes":%d,"sha256":{"database.dump":"%s"%s}}\n' "$3" "$2" "$archive_bytes" "$dump" \
    "${uploads:+,\"uploads.tar\":\"$uploads\"}" | publish "$1" || fail "$FAILED" "the archive could not be finished" "$remedy"
  unfinished_archive=
}

digest() { sha256sum | cut -c 1-64; }

# 1 means "a file changed as we read it": one that is being uploaded now, which no dumped row names.
pack_uploads() {
  tar --create --format=posix --sort=name --directory="$UPLOADS_DIR" --anchored --exclude=./lost+found \
    --exclude=./.restoring . || (($? == 1))
}

# prune KIND COUNT NAME...: keeps the newest COUNT of the KIND, and each NAME, even if the clock was wrong. A line
# begins with the time it was made.
prune() {
  local all names name
  all=$(all_manifests "$1")
  names=$(sort --reverse <<<"$all" | tail -n "+$(($2 + 1))" | sed -nE 's/.*"name":"([^"]+)".*/\1/p')
  for name in $names; do
    [[ " ${*:3} " != *" $name "* ]] || continue
    forget_errors
    unpublish "$(path_of "$name")" || fail "$FAILED" "the old archive $name could not be removed" "$remedy"
    drop_leftover "$(path_of "$name")"
  done
}

# sweep KIND: removes the partial archives of killed runs.
sweep() {
  local names name
  forget_errors
  names=$(leftovers "$1") || fail "$FAILED" "the archives can't be listed" "$remedy"
  for name in $names; do drop_leftover "$1/$name"; done
}

# path_of NAME: prints the location of that archive.
path_of() {
  case $1 in
    snapshot/*) printf '%s\n' "snapshots/${1#snapshot/}" ;;
    *) printf '%s\n' "archives/$1" ;;
  esac
}

drop_leftover() {
  forget_errors
  discard "$1" || fail "$FAILED" "the remains of $1 could not be removed" "$remedy"
}

all_manifests() {
  forget_errors
  manifests "$1" || fail "$FAILED" "the archives can't be listed" "$remedy"
}

# manifest_of KIND NAME: prints that archive's manifest, or nothing.
manifest_of() {
  local all
  all=$(all_manifests "$1")
  grep --fixed-strings "\"name\":\"$2\"" <<<"$all" || true
}
