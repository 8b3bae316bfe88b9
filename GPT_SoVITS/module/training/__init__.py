"""Parts of the s2 (SoVITS) training recipe: settings, data, losses, networks' plumbing, checkpoints.

The networks themselves live in ``module/models.py``; the recipe that joins the parts is ``s2_train.py``.
"""
