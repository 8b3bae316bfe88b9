"""The HTTP server (port 9880): thin dialects of known clients over one typed call and ``TTS.stream``.

A request goes one way: ``dialects/`` read what a client sent and make a :class:`calls.SpeechCall` of it; ``admission``
lets so many in at a time; ``speaking`` runs it in a worker thread on an engine from ``engines``, through an encoder;
``responses`` brings the bytes to the client and stops the work when the client goes away.
"""
