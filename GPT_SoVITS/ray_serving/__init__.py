"""The HTTP API with replicas on Ray Serve: ``python serve_ray.py``. docs/scale.md says when and how.

A light deployment, the front, reads who is to speak and passes each request on to a replica that has that voice's
weights; a replica is the whole HTTP application over one ``TTS``. ``messages`` and ``wanted`` know no Ray.
"""
