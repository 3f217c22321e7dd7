# Replaces a backend with one that does not work.
ARG DEBIAN
FROM ${DEBIAN}
USER 1000:1000
ENTRYPOINT ["sh", "-c", "echo 'this version does not work' >&2; exit 3"]
