"""What speaks tokens: ``stream(request, sampling)`` gives them as they come, a whole result is the join of its stream.

``tokens.py`` says what an engine is. ``local.py`` decodes on this machine, many requests in one batch; ``checked.py``
and ``fallback.py`` beside this folder wrap an engine and are engines. Nobody asks what kind another one is.
"""

from AR.engine.local import LocalEngine
from AR.engine.tokens import FallbackInfo, FinishReason, SpokenTokens, T2SEngine, T2SResult, speak, until_stopped

__all__ = [
    "FallbackInfo",
    "FinishReason",
    "LocalEngine",
    "SpokenTokens",
    "T2SEngine",
    "T2SResult",
    "speak",
    "until_stopped",
]
