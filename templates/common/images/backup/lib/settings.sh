# shellcheck shell=bash
# Checks the environment before anything is changed.

# need NAME...: checks that each is set and not empty.
need() {
  local name
  for name in "$@"; do
    [[ -n ${!name-} ]] || fail "$MISUSED" "$name is not set" "Set it in the container's environment"
  done
}

database_settings() {
  connection_settings
  BACKUP_KEEP=${BACKUP_KEEP:-7} SNAPSHOT_KEEP=${SNAPSHOT_KEEP:-3}
  local name
  for name in BACKUP_KEEP SNAPSHOT_KEEP; do
    [[ ${!name} =~ ^[1-9][0-9]{0,3}$ ]] ||
      fail "$MISUSED" "$name is not a whole number from 1 to 9999" "Set it to the number of archives to keep"
  done
  UPLOADS_DIR=${UPLOADS_DIR-}
  [[ -z $UPLOADS_DIR || -d $UPLOADS_DIR ]] ||
    fail "$MISUSED" "UPLOADS_DIR ($UPLOADS_DIR) is not a folder" "Mount the uploads volume there"
}

# wait_settings: how long to wait for services that do not respond yet.
wait_settings() {
  BACKUP_WAIT_SECONDS=${BACKUP_WAIT_SECONDS:-60}
  [[ $BACKUP_WAIT_SECONDS =~ ^[0-9]{1,4}$ ]] ||
    fail "$MISUSED" "BACKUP_WAIT_SECONDS is not a whole number from 0 to 9999" "Set it to the seconds to wait for the database and the object store"
}

# target_settings PREFIX: selects where archives are stored; both implementations define the same functions.
target_settings() {
  if [[ -n ${BACKUP_S3_BUCKET-} ]]; then
    need BACKUP_S3_ENDPOINT AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
    # shellcheck source=lib/s3.sh
    . "$lib/s3.sh"
    s3_settings "$1"
    await object_store_answers
  else
    need BACKUP_DIR
    [[ -d $BACKUP_DIR ]] ||
      fail "$MISUSED" "BACKUP_DIR ($BACKUP_DIR) is not a folder" "Mount the backup volume there, or set BACKUP_S3_BUCKET"
    # shellcheck source=lib/volume.sh
    . "$lib/volume.sh"
  fi
}
