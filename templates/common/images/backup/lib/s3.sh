# shellcheck shell=bash
# Archives in an S3 bucket, with the same functions as volume.sh. Data is streamed: no local disk is needed.

s3_settings() {
  local prefix=${1#/}
  remote=store:$BACKUP_S3_BUCKET/${prefix:+${prefix%/}/}
  remedy="Check that $BACKUP_S3_ENDPOINT responds, has the bucket $BACKUP_S3_BUCKET and allows these keys to read and write it, then run it again"
  # rclone reads the keys from its environment (env_auth), so they are on no command line and in no file. /dev/null: no
  # configuration file.
  export RCLONE_CONFIG=/dev/null RCLONE_CACHE_DIR=$work/cache
  export RCLONE_CONFIG_STORE_TYPE=s3 RCLONE_CONFIG_STORE_PROVIDER=Other RCLONE_CONFIG_STORE_ENV_AUTH=true
  export RCLONE_CONFIG_STORE_ENDPOINT=$BACKUP_S3_ENDPOINT RCLONE_CONFIG_STORE_REGION=${BACKUP_S3_REGION:-us-east-1}
  # A missing bucket is a mistake to report, and these keys need no permission to create one.
  export RCLONE_CONFIG_STORE_NO_CHECK_BUCKET=true
  # A stream has at most 10,000 parts: 156 GiB at this size. Two parts are held in memory.
  export RCLONE_S3_CHUNK_SIZE=${RCLONE_S3_CHUNK_SIZE:-16M} RCLONE_S3_UPLOAD_CONCURRENCY=${RCLONE_S3_UPLOAD_CONCURRENCY:-2}
  # The Job retries failed runs; within a run, only brief failures are retried.
  export RCLONE_RETRIES=${RCLONE_RETRIES:-2} RCLONE_LOW_LEVEL_RETRIES=${RCLONE_LOW_LEVEL_RETRIES:-4} RCLONE_CONTIMEOUT=10s
}

# object_store_answers: whether it can be reached, whatever it responds.
object_store_answers() {
  local answer
  answer=$(rclone lsf --max-depth 1 "$remote" 2>&1 >/dev/null) ||
    ! grep --quiet --extended-regexp 'connection refused|no route to host|no such host|i/o timeout|is unreachable|server misbehaving' <<<"$answer"
}

staged() { printf '%s\n' "$1"; }
put() { rclone rcat "$remote$1" >/dev/null; }
get() { rclone cat "$remote$1"; }
sizes() { rclone lsf --format s "$remote$1"; }
publish() { rclone rcat "$remote$1/manifest.json" >/dev/null; }
unpublish() { rclone deletefile "$remote$1/manifest.json"; }
discard() { rclone delete "$remote$1"; }
manifests() { rclone cat --include '/*/manifest.json' "$remote$1"; }
leftovers() {
  rclone lsf --recursive --files-only "$remote$1" |
    awk -F / '{ seen[$1] } $2 == "manifest.json" { whole[$1] } END { for (name in seen) if (!(name in whole)) print name }'
}
