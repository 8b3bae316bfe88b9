"""From a list of recordings to a training folder ``logs/<exp>/``, in stages that can each be run alone.

``list_file`` reads the list, ``text_stage``, ``hubert_stage``, ``sv_stage`` (for versions that need speaker vectors)
and ``semantic_stage`` do the work on it, ``clip_files`` is the loop of those that make files for each clip, ``journal``
remembers what is finished, ``report`` counts what was left out and why, ``options`` turns arguments and the public
environment variables into settings. The scripts with the public names (``1-get-text.py`` ...) only call these.
"""
