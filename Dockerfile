# everhost on a CPU, as an ordinary user.
#
#   docker build -t everhost .
#   docker run --network host -v everhost:/var/lib/everhost everhost
#
# Host networking, because WebRTC sends pictures over UDP ports of its own. Models are fetched on the first start and
# kept in the volume.
FROM debian:bookworm-slim

# libgomp1: the wheel that carries llama.cpp links to OpenMP's run time and does not bring it.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libgomp1 python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*

RUN useradd --system --create-home --home-dir /var/lib/everhost everhost
WORKDIR /opt/everhost

# The dependencies first: they are kept when only everhost's own code changes.
COPY constraints.txt pyproject.toml ./
RUN python3 -m venv .venv \
    && .venv/bin/pip install --no-cache-dir -q --upgrade 'pip>=25.1' \
    && .venv/bin/python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" > dependencies.txt \
    && .venv/bin/pip install --no-cache-dir -q -c constraints.txt -r dependencies.txt
COPY README.md LICENSE NOTICE ./
COPY avatar ./avatar
COPY knowledge ./knowledge
COPY streaming ./streaming
RUN .venv/bin/pip install --no-cache-dir -q --no-deps .
COPY rooms ./rooms

USER everhost
ENV PATH=/opt/everhost/.venv/bin:$PATH \
    XDG_CACHE_HOME=/var/lib/everhost/cache \
    NUMBA_CACHE_DIR=/var/lib/everhost/cache/numba \
    PYTHONUNBUFFERED=1
VOLUME /var/lib/everhost
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s \
    CMD ["python3", "-c", "import json, urllib.request as u; h = json.load(u.urlopen('http://127.0.0.1:8080/healthz', timeout=4)); assert all(r['on_air'] for r in h['rooms'])"]
CMD ["everhost", "serve", "rooms/legal-assistant.yaml", "--host", "0.0.0.0", "--data", "/var/lib/everhost/state"]
