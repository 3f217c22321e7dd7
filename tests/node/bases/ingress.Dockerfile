# An ingress controller for the tests: Debian's nginx, and a program that writes its configuration.
ARG DEBIAN
FROM ${DEBIAN}
RUN apt-get update \
    && apt-get install --yes --no-install-recommends nginx-light \
    && rm -rf /var/lib/apt/lists/*
COPY controller.py /controller.py
RUN chmod 0644 /controller.py
USER 1000:1000
ENTRYPOINT ["python3", "/controller.py"]
