# One program, which may be linked to libraries that every Debian has.
ARG DEBIAN
FROM ${DEBIAN}
COPY program /program
RUN chmod 0755 /program
ENTRYPOINT ["/program"]
