"""Numbers for Prometheus; a registry of its own for each server, so that several may live in one process."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

SECONDS = (0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 30.0, 60.0)


class Metrics:
    """What is counted while the server runs."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)  # resident memory, processor time, open files
        self.requests = Counter("gsv_requests", "Requests answered.", ("dialect", "status"), registry=self.registry)
        self.running = Gauge("gsv_running", "Requests that speak now.", registry=self.registry)
        self.queue = Gauge("gsv_queue", "Requests that wait.", registry=self.registry)
        self.first_audio = Histogram(
            "gsv_first_audio_seconds", "From a request to its first audio.", buckets=SECONDS, registry=self.registry
        )
        self.speech = Counter("gsv_speech_seconds", "Speech made.", registry=self.registry)
        self.streams = Counter("gsv_streams", "Streams that came to their end.", registry=self.registry)
        self.underruns = Counter("gsv_underruns", "Streams that a player would have run dry.", registry=self.registry)
        self.cancelled = Counter("gsv_cancelled", "Requests whose client went away.", registry=self.registry)
        self.cancel = Histogram(
            "gsv_cancel_seconds", "From a cancel to the freed place.", buckets=SECONDS, registry=self.registry
        )
        self.falls = Counter(
            "gsv_falls", "Segments that the AR model spoke instead.", ("reason",), registry=self.registry
        )
        self.weights = Gauge("gsv_weights_bytes", "Weights of loaded voices.", registry=self.registry)
        self.voices = Gauge("gsv_loaded_voices", "Sets of weights in memory.", registry=self.registry)

    def text(self) -> bytes:
        """All of it in Prometheus' text form."""
        return generate_latest(self.registry)
