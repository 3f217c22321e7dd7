# One static program and nothing else.
FROM scratch
COPY program /program
ENTRYPOINT ["/program"]
