# docker build -t outpost .
# docker run --read-only --tmpfs /tmp --cap-drop ALL -p 127.0.0.1:8000:8000 -v /srv/outpost:/data outpost
FROM python:3.11-slim AS build
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /src
ENV VIRTUAL_ENV=/opt/outpost UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
RUN python -m venv --without-pip /opt/outpost
# The versions and hashes of the lock, and of what it names only what serving needs.
COPY pyproject.toml requirements.lock README.md ./
COPY api api
COPY index index
COPY scripts scripts
RUN uv pip install --no-cache --constraint requirements.lock --build-constraint requirements.lock .
# The engine's loops, compiled once: the machine that runs it takes 0.1 seconds to load them, 5 to 60 to compile them.
RUN NUMBA_CACHE_DIR=/opt/outpost/numba /opt/outpost/bin/python -m index.engines.columns.warm

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin outpost
COPY --from=build /opt/outpost /opt/outpost
ENV PATH=/opt/outpost/bin:$PATH PYTHONDONTWRITEBYTECODE=1 NUMBA_CACHE_DIR=/tmp/numba \
    OUTPOST_HOST=0.0.0.0 OUTPOST_PORT=8000 OUTPOST_INDEX=/data/index
USER 10001
WORKDIR /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"OUTPOST_PORT\"]}/readyz', timeout=2)"]
# numba wants to write where its cache is: /tmp is memory, and all that is writable.
ENTRYPOINT ["sh", "-c", "cp -r /opt/outpost/numba /tmp/ && exec outpost \"$@\"", "outpost"]
CMD ["serve"]
