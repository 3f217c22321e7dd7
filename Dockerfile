# The platform's one image; its first argument is the part to run.
# docs/operators/images.md documents the build arguments.
ARG PYTHON=python:3.11.14-slim-bookworm@sha256:65a93d69fa75478d554f4ad27c85c1e69fa184956261b4301ebaf6dbb0a3543d

FROM ${PYTHON} AS build
ARG CA_CERTIFICATES="" PIP_INDEX_URL
WORKDIR /src
COPY . .
# In a folder of its own, because a distribution's Python refuses installations (PEP 668). Compiled, because it runs
# read-only, and every start would compile it again.
RUN if [ -n "$CA_CERTIFICATES" ]; then \
        printf '%s\n' "$CA_CERTIFICATES" >/usr/local/share/ca-certificates/company.crt \
        && update-ca-certificates \
        && export PIP_CERT=/etc/ssl/certs/ca-certificates.crt; \
    fi \
    && python3 -m pip install --no-cache-dir --compile --require-hashes --requirement requirements/image.txt --target /packages \
    && python3 -m pip install --no-cache-dir --compile --no-deps --target /packages . \
    && chmod -R u=rwX,go=rX /packages

FROM ${PYTHON}
RUN useradd --uid 1000 --no-create-home platform
COPY --from=build /packages /app/packages
USER 1000:1000
ENV PYTHONPATH=/app/packages PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
ENTRYPOINT ["python3", "-m"]
CMD ["storeplatform.hooks"]
