"""The one way in which a photo's bytes become a model's pixels: check, decode, orient, crop, resize."""
