# The platform's one image; its first argument is the part to run.
# A digest can be given: PYTHON=python:...@sha256:...
ARG PYTHON=python:3.11.14-slim-bookworm
FROM ${PYTHON} AS build
WORKDIR /src
COPY . .
RUN pip wheel --no-cache-dir --wheel-dir /wheels .

FROM ${PYTHON}
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-compile /wheels/*.whl && useradd --uid 1000 --no-create-home platform
USER 1000:1000
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
ENTRYPOINT ["python", "-m"]
CMD ["storeplatform.hooks"]
