# The node, and with another command the worker: `docker build -t cyoda .`
# Its settings are CYODA_* variables (docs/settings.md); it needs PostgreSQL, and a broker where there are workers.

FROM python:3.11-slim AS packages
COPY requirements.txt /tmp/
RUN python -m venv /venv \
 && /venv/bin/python -m pip install --no-cache-dir --require-hashes -r /tmp/requirements.txt

FROM python:3.11-slim
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
RUN useradd --system --uid 65532 --user-group --no-create-home cyoda
COPY --from=packages /venv /venv
WORKDIR /app
COPY . .
ENV CYODA_STATIC_ROOT=/app/staticfiles
RUN PYTHONDONTWRITEBYTECODE= python -m compileall -q cyoda tenants workflows \
 && python manage.py collectstatic --no-input --verbosity 0
USER 65532:65532
EXPOSE 8080 9090 9091 9092
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=12 CMD ["python", "-m", "cyoda.health"]
CMD ["python", "manage.py", "serve"]
