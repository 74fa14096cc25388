"""`make bench-scale`: two million pictures, 3,200 products, 32 TLCs; what searching and changing them takes."""
