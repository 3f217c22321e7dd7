# Replaces the postgres: image, with Debian's PostgreSQL under the same user.
ARG DEBIAN
FROM ${DEBIAN}
RUN groupadd --system --gid 999 postgres \
    && useradd --system --uid 999 --gid 999 --home-dir /var/lib/postgresql postgres \
    && apt-get update \
    && apt-get install --yes --no-install-recommends postgresql-common \
    && echo 'create_main_cluster = false' >>/etc/postgresql-common/createcluster.conf \
    && apt-get install --yes --no-install-recommends postgresql-15 \
    && rm -rf /var/lib/apt/lists/*
COPY postgres.sh /usr/local/bin/entrypoint
COPY pg_hba.conf /etc/pg_hba.conf
RUN chmod 0755 /usr/local/bin/entrypoint && chmod 0644 /etc/pg_hba.conf
ENV PATH=/usr/lib/postgresql/15/bin:$PATH LC_ALL=C.UTF-8
# As in that image: stop without waiting for clients to disconnect.
STOPSIGNAL SIGINT
ENTRYPOINT ["entrypoint", "-c", "listen_addresses=*", "-c", "hba_file=/etc/pg_hba.conf"]
