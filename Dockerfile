# The service for a CPU, without root and on a file system that may be read-only:
#   docker build -t dateline .
#   docker run --rm -v dateline:/data -v ./my-articles:/in:ro dateline ingest /in
# compose.yaml says how to serve it.

FROM python:3.11-slim AS build
# The wheel for CPUs: the one of the default index brings gigabytes of CUDA.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN python -m venv /opt/dateline
ENV PATH=/opt/dateline/bin:$PATH
RUN pip install --no-cache-dir --index-url "$TORCH_INDEX" torch==2.13.0
WORKDIR /src
COPY pyproject.toml README.md LICENSE requirements.lock ./
COPY embeddings embeddings
COPY rag rag
COPY eval eval
COPY api api
# The versions that the tests passed with.
# hadolint ignore=DL3013
RUN pip install --no-cache-dir --constraint requirements.lock ".[formats,otel,postgres]"
# Asked once while it is built: the models are exported now, and a broken image is none.
ENV DATELINE_CACHE_DIR=/opt/dateline/cache
RUN dateline ingest eval/sample/articles --data-dir /tmp/sample && \
    dateline ask "At what depth did the wreck of the Skerry Dawn lie?" --data-dir /tmp/sample

FROM python:3.11-slim
RUN useradd --system --uid 10001 --no-create-home dateline && \
    install -d -o dateline -g dateline -m 0700 /data
COPY --from=build /opt/dateline /opt/dateline
ENV PATH=/opt/dateline/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    DATELINE_CACHE_DIR=/opt/dateline/cache \
    DATELINE_DATA_DIR=/data \
    DATELINE_HOST=0.0.0.0 \
    DATELINE_PORT=8000
USER 10001
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["dateline"]
CMD ["serve"]
