"""Speaker network of v2Pro and v2ProPlus: Kaldi-style filter bank and ERes2NetV2. Knows audio samples, no files.

Shape legend used in this package: B batch, C channels, F frequency bands, T frames (100 per second), T_wav samples.
"""
