"""BigVGAN v2 (Lee et al. 2023), the vocoder of v3. Knows mel spectrograms and its own weight folder, nothing else."""
