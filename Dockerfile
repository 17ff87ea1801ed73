# The tool's image, for scheduled jobs: `docker build -t reptiops .`, `docker run reptiops run drift dev --json`.
FROM python:3.11-slim
COPY . /src
RUN pip install --no-cache-dir /src && rm -rf /src && useradd --create-home reptiops
USER reptiops
ENTRYPOINT ["reptiops"]
