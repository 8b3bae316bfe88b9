"""Parts of the s2 (SoVITS) training recipe: settings, data, losses, networks' plumbing, checkpoints.

The networks themselves live in ``module/models.py``; the recipes that join the parts are ``s2_train.py``
and ``s2_train_v3_lora.py``, over the one loop in ``loop.py``.
"""
