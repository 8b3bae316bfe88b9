"""How well does it speak: the parts behind ``tools/evaluate.py``.

``options`` and ``items`` say what is spoken, ``voices`` and ``systems`` who speaks (recording, re-synthesis, full
synthesis), ``judges``, ``naturalness`` and ``intonation`` listen, ``words`` and ``scoring`` count errors, ``store``
remembers, ``run`` brings them together, ``bootstrap`` gives intervals, ``report`` and ``page`` show. None of them is
needed at run time.
"""
