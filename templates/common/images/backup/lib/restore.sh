# shellcheck shell=bash
# Restores a database and its uploads. The database is replaced completely, or not at all.

restore_archive() {
  local manifest path name
  manifest=$(chosen_manifest "$1")
  name=$(field name "$manifest")
  path=$(path_of "$name")
  check_file "$path" database.dump "$manifest"
  if [[ -n $UPLOADS_DIR && $manifest == *'"uploads.tar"'* ]]; then
    check_file "$path" uploads.tar "$manifest"
    unpack_uploads "$path"
  fi
  restore_database "$path"
  if [[ -n $unfinished_folder ]]; then replace_uploads; fi
  echo "$name is restored"
}

# check_archive WHICH: checks that every file of the archive exists with its original bytes.
check_archive() {
  local manifest path name file
  manifest=$(chosen_manifest "$1")
  name=$(field name "$manifest")
  path=$(path_of "$name")
  for file in database.dump uploads.tar; do
    [[ $manifest != *"\"$file\""* ]] || check_file "$path" "$file" "$manifest"
  done
  echo "$name is complete"
}

# chosen_manifest WHICH: prints the manifest of the archive that WHICH selects.
chosen_manifest() {
  local which=$1 limit all found
  case $which in
    snapshot/*)
      found=$(manifest_of snapshots "$which")
      [[ -n $found ]] || absent "there is no complete snapshot named ${which#snapshot/}"
      printf '%s\n' "$found"
      return
      ;;
    latest) limit=99991231T235959Z ;;
    *)
      if [[ $which =~ ^[0-9]{8}T[0-9]{6}Z$ ]]; then
        found=$(manifest_of archives "$which")
        [[ -n $found ]] || absent "there is no complete archive named $which"
        printf '%s\n' "$found"
        return
      fi
      { [[ $which =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt\ ][0-9:]{8}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$ ]] &&
        limit=$(date --utc --date="$which" +%Y%m%dT%H%M%SZ); } ||
        fail "$MISUSED" "$which is neither an archive's name nor a time" \
          "Give latest, a name from the list, snapshot/NAME, or a time such as 2026-11-25T02:00:00Z"
      ;;
  esac
  all=$(all_manifests archives)
  # An archive's name is its time, so times are compared as strings.
  found=$(awk -v limit="$limit" '{ name = $0; sub(/.*"name":"/, "", name); sub(/".*/, "", name)
    if (name != "" && name <= limit && name > best) { best = name; line = $0 } } END { print line }' <<<"$all")
  [[ -n $found ]] || absent "there is no complete archive for $which"
  printf '%s\n' "$found"
}

absent() { fail "$ABSENT" "$1" "Choose one from the output of list"; }

# field NAME MANIFEST: prints a string of the manifest, which is one line that we wrote ourselves.
field() { sed -E "s/.*\"$1\":\"([^\"]*)\".*/\1/" <<<"$2"; }

# check_file PATH FILE MANIFEST
check_file() {
  local sum
  forget_errors
  sum=$(get "$1/$2" | digest) || fail "$FAILED" "$1/$2 can't be read" "$remedy"
  [[ $sum == "$(field "$2" "$3")" ]] ||
    fail "$DAMAGED" "$1/$2 is damaged: its checksum differs from the one in the manifest; nothing was changed" "Restore another archive"
}

restore_database() {
  forget_errors
  still_locked
  load_dump "$1/database.dump" || fail "$FAILED" "the database could not be restored and is unchanged" "$load_remedy"
  settle_database || fail "$FAILED" "the database is restored but could not be analyzed" "Run it again"
}

# unpack_uploads PATH: unpacks beside the old uploads, so that a full disk or a bad file is noticed before anything
# changes.
unpack_uploads() {
  local closed
  closed=$(find "$UPLOADS_DIR" -path "$UPLOADS_DIR/lost+found" -prune -o -type d ! -writable -print -quit)
  [[ -z $closed ]] || fail "$FAILED" "user $(id -u) may not change $closed; nothing was changed" "Run as the user that owns the uploads"
  unfinished_folder=$UPLOADS_DIR/.restoring
  forget_errors
  { rm -rf "$unfinished_folder" && mkdir "$unfinished_folder" &&
    get "$1/uploads.tar" | tar --extract --no-same-owner --preserve-permissions --directory="$unfinished_folder" &&
    chmod u+rwx "$unfinished_folder"; } ||
    fail "$FAILED" "the uploads could not be unpacked; nothing was changed" "Check that $UPLOADS_DIR has free space and is writable"
}

# If this is interrupted, the next run starts again with the archive.
replace_uploads() {
  forget_errors
  { find "$UPLOADS_DIR" -mindepth 1 -maxdepth 1 ! -name .restoring ! -name lost+found -exec rm -rf {} + &&
    find "$unfinished_folder" -mindepth 1 -maxdepth 1 -exec mv --target-directory="$UPLOADS_DIR" {} + &&
    rmdir "$unfinished_folder"; } ||
    fail "$FAILED" "the database is restored, but the uploads are not" "Check that $UPLOADS_DIR is writable, then run it again"
  unfinished_folder=
}
