# The page with everything it needs. With NVIDIA cards: docker run --gpus all -p 127.0.0.1:7860:7860 -v xcomposer:/data xcomposer-studio --host 0.0.0.0
# PyTorch's wheels bring CUDA 13.0 with them; this image says so to the container's runtime, which refuses older drivers.
FROM nvidia/cuda:13.0.1-base-ubuntu24.04

ENV DEBIAN_FRONTEND=noninteractive PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

# The compiler and python3-dev: Triton builds the launcher of the 4-bit product at its first use.
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 python3-venv libgomp1 gcc libc6-dev python3-dev \
    && rm -rf /var/lib/apt/lists/* \
    && userdel --remove ubuntu && useradd --create-home --uid 1000 studio \
    && install --directory --owner=studio --group=studio /data /opt/studio

USER studio
WORKDIR /opt/studio

# Packages first: a change of the program does not install them again. With the package of the extra `mcp`, so that
# `--mcp` works; Milvus and 4-bit loading with bitsandbytes are not in the image (docs/install.md has their extras).
COPY --chown=studio:studio requirements.txt requirements-embedded.txt constraints.txt ./
RUN python3 -m venv .venv \
    && .venv/bin/pip install --requirement requirements.txt 'mcp>=1.30,<2' --constraint constraints.txt \
    && .venv/bin/pip install --no-deps --requirement requirements-embedded.txt

COPY --chown=studio:studio . .

# Models, galleries and assembled files, drafts and conversations live in the volume and survive a new image.
ENV XCOMPOSER_CACHE_DIR=/data/cache XCOMPOSER_DATA=/data/own HF_HOME=/data/hub PATH=/opt/studio/.venv/bin:$PATH
VOLUME /data
EXPOSE 7860

HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD python -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/', timeout=4)"

# A container must listen on all of its addresses to be reached; whoever starts it says so, as shown above.
ENTRYPOINT ["python", "app.py"]
