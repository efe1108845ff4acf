"""The packs of :mod:`avatar.pack` through torch: many faces in one batch, on a GPU.

What :mod:`avatar.render` does for one picture after another on a core, in the same steps and, but for rounding, with
the same result. Its modules have that package's names. Nothing is compiled here: each step is a few operations over
all faces, triangles, rows or pixels at once, where a list of unknown length (rows of triangles, pixels of rows) is laid
out flat by :mod:`avatar.gpu.lists`. torch comes with the extra ``gpu``.
"""
