"""Where the live mesh is on the screen for a face frame: what the live renderer does, in plain NumPy."""

import numpy as np

from avatar.face import FaceFrame
from avatar.render.eyes import gaze
from avatar.studio.base_mesh import Array
from avatar.studio.motion import rotation_matrix
from avatar.studio.piece import Piece
from avatar.studio.spec import HostSpec


def posed(found: list[Piece], frame: FaceFrame, spec: HostSpec, eyes: Array) -> list[Array]:
    """Each piece's vertices, (n, 3) metres. How far a vertex follows the head is settled at rest.

    ``eyes`` (2, 3): the centres of the eyeballs.
    """
    turn, pivot, looks = rotation_matrix(frame.rotation), np.array(spec.pivot), gaze(frame.weights)
    out = []
    for piece in found:
        points = piece.vertices + np.tensordot(frame.weights, piece.units, 1)
        if piece.eye is not None:
            points = (points - eyes[piece.eye]) @ looks[piece.eye].T + eyes[piece.eye]
        moved = (points - pivot) @ turn.T + pivot + frame.translation
        out.append(points + spec.follow(piece.vertices)[:, None] * (moved - points))
    return out


def screens(found: list[Piece], frame: FaceFrame, spec: HostSpec, eyes: Array) -> list[Array]:
    """Each piece's vertices on the canvas: column, row, depth."""
    return [spec.camera.project(points.astype(np.float32)) for points in posed(found, frame, spec, eyes)]
