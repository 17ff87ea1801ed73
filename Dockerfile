# The tool's image, for scheduled jobs. Fargate runs it on the configuration's `compute.architecture`, so build it for that:
# `docker build --platform linux/arm64 -t reptiops .` for ARM64 (the default), `--platform linux/amd64` for X86_64.
FROM python:3.11-slim AS wheel
COPY . /src
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels /src

FROM python:3.11-slim
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir /wheels/*.whl && rm -rf /wheels && useradd --create-home reptiops
USER reptiops
WORKDIR /home/reptiops
ENTRYPOINT ["reptiops"]
