"""The measures that charts share, in SVG's coordinates: y grows downwards. Pure."""

WIDTH = 760.0
"""Of every chart but the small ones; the page scales them."""

LABELS_WIDTH = 92.0
"""At the left of rows."""

MARGIN = 14.0
