# The platform's image, with an engine file that offers more versions.
ARG PLATFORM
FROM ${PLATFORM}
COPY --chmod=0644 engine.yaml /app/packages/storeplatform/templates/medusa/engine.yaml
