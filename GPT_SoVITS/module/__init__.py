"""SoVITS: the network from semantic tokens to a waveform, its losses and its spectral front end.

Shape legend used in this package: B batch, C channels, T_ph phonemes, T_sem semantic tokens (25 Hz),
T_spec spectrogram frames (50 Hz), T_wav samples.
"""
