"""What the platform says about itself: logs, metrics, and the listener of probes and metrics."""

from cyoda.telemetry.logs import configure
from cyoda.telemetry.metrics import Metrics
from cyoda.telemetry.probes import probes_app

__all__ = ["Metrics", "configure", "probes_app"]
