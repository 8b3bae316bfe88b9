"""From a list of recordings to a training folder ``logs/<exp>/``, in three stages that can each be run alone.

``list_file`` reads the list, ``text_stage``, ``hubert_stage`` and ``semantic_stage`` do the work on it, ``journal``
remembers what is finished, ``report`` counts what was left out and why, ``options`` turns arguments and the public
environment variables into settings. The scripts with the public names (``1-get-text.py`` ...) only call these.
"""
