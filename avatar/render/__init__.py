"""How a host is drawn, in the order a frame goes through it: pose, light, layers, then compose, which takes the picture
band by band through raster, edges and lashes, surface and overlay.

Every inner loop is compiled by Numba, runs on one thread without the GIL, and checks nothing: what it relies on is
checked when a pack is loaded.
"""
