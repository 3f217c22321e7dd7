# Replaces Metacontroller. It ignores the flags that a pod passes.
ARG PLATFORM
FROM ${PLATFORM}
COPY *.py /app/stand_in/
USER root
RUN chmod -R u=rwX,go=rX /app/stand_in
USER 1000:1000
WORKDIR /app
ENTRYPOINT ["sh", "-c", "exec python3 -m stand_in.loop"]
