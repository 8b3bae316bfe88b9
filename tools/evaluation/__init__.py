"""How well does it speak: the parts behind ``tools/evaluate.py``.

``items`` reads held-out sentences, ``systems`` speaks them (teacher clip, re-synthesis, full synthesis), ``judges``
listens, ``scoring`` counts errors, ``report`` prints. None of them is needed at run time.
"""
