"""Parts of the training recipe ``s1_train.py``: settings, losses, schedule, averaging, checkpoints."""
