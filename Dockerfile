# syntax=docker/dockerfile:1
FROM python:3.13-slim

# OpenCV needs these at run time; Debian's stable release pins their versions
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*

# the user id that Hugging Face Spaces runs containers with
RUN useradd --create-home --uid 1000 user
USER 1000
WORKDIR /home/user/app
ENV PATH=/home/user/.local/bin:$PATH \
    PYTHONUNBUFFERED=1

# PyTorch's CPU build, as its documentation names it; cu130 in its place brings CUDA
ARG TORCH=https://download.pytorch.org/whl/cpu
COPY --chown=user requirements.txt .
RUN pip install --no-cache-dir --user --extra-index-url "$TORCH" -r requirements.txt

COPY --chown=user LICENSE README.md app.py ./
COPY --chown=user facegen facegen
COPY --chown=user weights weights
# what finds faces and the default model, so that a container needs no network: they go to the
# cache of this user
RUN python -m facegen weights fetch mobilestylegan-1024 mediapipe

EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/', timeout=4)"]
CMD ["python", "app.py", "--host", "0.0.0.0", "--port", "7860"]
