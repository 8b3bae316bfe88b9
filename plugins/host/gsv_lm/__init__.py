"""A language model as the text-to-semantic stage of a GPT-SoVITS checkout that was written without one.

``boot.py`` is run by one line in each of two files of the host; ``start.py`` waits for the modules of the host and
wraps what is in ``signatures.py``. ``stage/`` is the language model itself, copied from the project that made this.
"""

__version__ = "1"
