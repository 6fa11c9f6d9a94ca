# docker build -t outpost .
# docker run -d --restart unless-stopped --read-only --tmpfs /tmp --cap-drop ALL -p 127.0.0.1:8000:8000 -v /srv/outpost:/data outpost
#
# The index of platforms of 3.11.16 on Debian 13. A newer one: docker buildx imagetools inspect python:3.11-slim
ARG PYTHON=python:3.11-slim@sha256:9c900dea9e8fb7e16277c179b555cc72d29a352dbc33cff48ad5a0412fd5bfc7
FROM ${PYTHON} AS build
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /src
ENV VIRTUAL_ENV=/opt/outpost UV_LINK_MODE=copy
RUN python -m venv --without-pip /opt/outpost
# The versions and hashes of the lock, and of what it names only what serving needs.
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY api api
COPY index index
COPY scripts scripts
COPY client client
RUN uv pip install --no-cache --constraint requirements.lock --build-constraint requirements.lock ./client .
# The engine's loops, compiled once: they are loaded in a second, and compiled in 10 to 60. numba takes what it compiled for
# the installed files alone (so not from /src), and by their times, of which a layer keeps whole seconds.
WORKDIR /
RUN find /opt/outpost -name '*.py' -exec touch -d "@$(date +%s)" {} + \
    && /opt/outpost/bin/python -m compileall -q /opt/outpost/lib \
    && NUMBA_CACHE_DIR=/opt/outpost/numba /opt/outpost/bin/python -m index.engines.columns.warm

FROM ${PYTHON}
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin outpost
COPY --from=build /opt/outpost /opt/outpost
ENV PATH=/opt/outpost/bin:$PATH PYTHONDONTWRITEBYTECODE=1 NUMBA_CACHE_DIR=/tmp/numba \
    OUTPOST_HOST=0.0.0.0 OUTPOST_PORT=8000 OUTPOST_INDEX=/data/index
USER 10001
WORKDIR /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=120s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"OUTPOST_PORT\"]}/readyz', timeout=2)"]
# numba wants to write where its cache is: /tmp is memory, and all that is writable.
ENTRYPOINT ["sh", "-c", "cp -r /opt/outpost/numba /tmp/ && exec outpost \"$@\"", "outpost"]
CMD ["serve"]
