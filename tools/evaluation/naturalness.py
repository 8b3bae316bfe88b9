"""How natural speech sounds, without a reference: DNSMOS, a network that foretells what listeners would mark, 1 to 5.

The overall mark (OVRL of P.835) is the figure; the marks of the speech alone, the background alone and the single mark
of P.808 stand beside it. It was made for telephone calls and noise suppression: buzz and noise cost much, a flat
intonation costs little.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np

from errors import MissingDependencyError

MARKS = {"mos": "ovrl_mos", "mos_speech": "sig_mos", "mos_background": "bak_mos", "mos_p808": "p808_mos"}
SHORTEST = 1600
"""Samples at 16 kHz below which there is nothing to judge."""


class DNSMOSJudge:
    """The DNSMOS networks of the package ``speechmos``, on the CPU.

    Args:
        threads: of the CPU.

    Raises:
        MissingDependencyError: speechmos, onnxruntime or librosa is not installed.
    """

    name = "dnsmos of speechmos 0.0.1.1"

    def __init__(self, threads: int = 2) -> None:
        try:
            import onnxruntime
            from speechmos import dnsmos
        except ImportError as error:
            fix = 'pip install -e ".[eval]"'
            raise MissingDependencyError(f"{error.name} is not installed", "the judge of naturalness", fix) from error
        folder = Path(dnsmos.__file__).parent / "dnsmos_models"
        paths = [str(folder / "sig_bak_ovr.onnx"), str(folder / "model_v8.onnx")]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._marks = dnsmos.DNSMOS(*paths)
        # its own sessions take every core
        self._marks.onnx_sess, self._marks.p808_onnx_sess = (
            onnxruntime.InferenceSession(path, options) for path in paths
        )

    def marks(self, samples: np.ndarray) -> dict[str, float]:
        """Marks of float32 audio [T] at 16 kHz, named as in :data:`MARKS`; empty for silence and for a click."""
        if len(samples) < SHORTEST or not np.abs(samples).max() > 0:
            return {}
        with contextlib.redirect_stdout(None):
            found = self._marks(np.clip(samples, -1.0, 1.0).astype(np.float32), 16000, False)
        return {name: float(found[theirs]) for name, theirs in MARKS.items()}
