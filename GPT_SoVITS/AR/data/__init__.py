"""Training data of the text-to-semantic stage: prepared folders in, padded batches out."""
