"""Where texts are cut; the stand-in does not."""
