"""What things in the studio are made of: Cycles node trees, built by code."""

from pathlib import Path
from typing import Any

import bpy
import numpy as np
import numpy.typing as npt

from avatar.studio.base_mesh import Array
from avatar.studio.scene import to_blender

Colour = tuple[float, float, float]
"""Linear Rec. 709."""


class Tree:
    """A node tree that is written down as expressions: each call makes a node and returns its output."""

    def __init__(self, material: bpy.types.Material) -> None:
        self.nodes = material.node_tree.nodes
        self.links = material.node_tree.links

    def put(self, socket: Any, value: Any) -> None:
        """Set an input to a number, a colour, or another node's output."""
        if isinstance(value, bpy.types.NodeSocket):
            self.links.new(value, socket)
        elif isinstance(value, tuple) and len(value) == 3 and socket.type == "RGBA":
            socket.default_value = (*value, 1)
        else:
            socket.default_value = value

    def node(self, kind: str, *inputs: Any, out: int | str = 0, **settings: Any) -> Any:
        node = self.nodes.new(f"ShaderNode{kind}")
        for key, value in settings.items():
            setattr(node, key, value)
        for socket, value in zip(node.inputs, inputs, strict=False):
            if value is not None:
                self.put(socket, value)
        return node.outputs[out]

    def math(self, operation: str, *inputs: Any) -> Any:
        return self.node("Math", *inputs, operation=operation)

    def mix(self, share: Any, first: Any, second: Any) -> Any:
        return self.node("MixRGB", share, first, second)

    def attribute(self, name: str) -> Any:
        return self.node("Attribute", attribute_name=name, out="Fac")

    def image(self, path: Path) -> Any:
        image = bpy.data.images.load(str(path), check_existing=True)
        image.colorspace_settings.name = "Non-Color"
        return self.node("TexImage", image=image)

    def place(self) -> Any:
        """Where a point is on the base mesh as it comes: what is painted there goes with the skin."""
        return self.node("Attribute", attribute_name="reference", out="Vector")

    def noise(self, scale: float, detail: float = 2.0, at: Any = None) -> Any:
        """Noise over :meth:`place`, or over object space where there is none; about 0.5."""
        return self.node("TexNoise", self.place() if at is None else at, None, scale, detail, out="Fac")

    def bump(self, height: Any, strength: float, distance: float) -> Any:
        node = self.nodes.new("ShaderNodeBump")
        node.inputs["Strength"].default_value, node.inputs["Distance"].default_value = strength, distance
        self.put(node.inputs["Height"], height)
        return node.outputs["Normal"]


def principled(name: str, **inputs: Any) -> tuple[bpy.types.Material, Tree]:
    """A principled material; inputs by their names with ``_`` for blanks."""
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    tree = Tree(material)
    surface(tree, **inputs)
    return material, tree


def surface(tree: Tree, **inputs: Any) -> None:
    shader = tree.nodes["Principled BSDF"].inputs
    for key, value in inputs.items():
        tree.put(shader[key.replace("_", " ")], value)


def skin(data: Path, tone: Colour, lips: Colour, scalp: Colour, beard: float) -> bpy.types.Material:
    """Skin: tinted by masks of the base mesh and by what :mod:`avatar.studio.paint` gives each vertex."""
    material, tree = principled(
        "skin", Subsurface_Weight=1.0, Subsurface_Radius=(1.0, 0.36, 0.20), Subsurface_Scale=0.0032,
        Specular_IOR_Level=0.46, Coat_Roughness=0.30, Coat_IOR=1.4,
    )  # fmt: skip
    material.node_tree.nodes["Principled BSDF"].subsurface_method = "RANDOM_WALK_SKIN"

    def tint(share: Any, colour: Any, *factors: float) -> Any:
        return tree.mix(share, colour, tuple(c * k for c, k in zip(tone, factors, strict=True)))

    def spread(noise: Any, low: float, high: float) -> Any:
        return tree.node("MapRange", noise, 0.34, 0.68, low, high)

    masks = data / "mpfb2/textures"
    colour: Any = tree.mix(
        spread(tree.noise(75.0, 5.0), 0.0, 1.0),
        tone,
        tuple(c * k for c, k in zip(tone, (0.97, 0.90, 0.87), strict=True)),
    )
    colour = tint(spread(tree.noise(620.0, 4.0), 0.0, 0.40), colour, 0.93, 0.80, 0.74)
    colour = tint(
        tree.math("MULTIPLY", tree.attribute("blush"), spread(tree.noise(140.0, 4.0), 0.6, 1.0)),
        colour,
        0.98,
        0.66,
        0.58,
    )
    colour = tint(tree.attribute("shade"), colour, 0.70, 0.56, 0.53)
    colour = tint(tree.math("MULTIPLY", tree.image(masks / "mpfb_eyelids.jpg"), 0.30), colour, 0.62, 0.46, 0.42)
    if beard:
        stubble = tree.math("MULTIPLY", tree.attribute("beard"), spread(tree.noise(2600.0, 2.0), 0.25, 1.0))
        colour = tint(tree.math("MULTIPLY", stubble, beard), colour, 0.42, 0.47, 0.56)
    mole = tree.node("TexVoronoi", tree.place(), None, 62.0, out="Distance")
    colour = tint(tree.node("MapRange", mole, 0.035, 0.075, 0.22, 0.0), colour, 0.50, 0.34, 0.26)
    wrinkle = tree.noise(1.0, 3.0, tree.node("VectorMath", tree.place(), (900.0, 900.0, 190.0), operation="MULTIPLY"))
    mouth = tree.image(masks / "mpfb_lips.jpg")
    red = tree.mix(spread(wrinkle, 0.0, 0.35), lips, tuple(0.62 * c for c in lips))
    colour = tree.mix(tree.node("MapRange", mouth, 0.12, 0.75, 0.0, 0.92), colour, red)
    inside = tree.image(masks / "mpfb_inside-mouth.jpg")
    colour = tree.mix(inside, colour, tuple(0.55 * c for c in lips))
    colour = tree.mix(tree.attribute("scalp"), colour, scalp)
    pore = tree.node("TexVoronoi", tree.place(), None, 1150.0, out="Distance")
    relief = tree.math("MULTIPLY", tree.node("MapRange", pore, 0.0, 0.45, 0.0, 1.0), tree.attribute("pores"))
    relief = tree.math("ADD", relief, tree.math("MULTIPLY", tree.noise(900.0, 3.0), 0.8))
    relief = tree.math("ADD", relief, tree.math("MULTIPLY", tree.math("MULTIPLY", mouth, wrinkle), 3.0))
    oil = tree.attribute("oil")
    rough = tree.math("ADD", tree.math("MULTIPLY", oil, -0.07), spread(tree.noise(300.0, 3.0), 0.44, 0.54))
    rough = tree.node("MapRange", mouth, 0.2, 0.8, rough, 0.34)
    shine = tree.math("MAXIMUM", tree.math("MULTIPLY", oil, 0.16), tree.math("MULTIPLY", mouth, 0.35))
    surface(
        tree, Base_Color=colour, Roughness=rough, Coat_Weight=tree.math("MAXIMUM", shine, inside),
        Normal=tree.bump(relief, 0.55, 0.00022),
    )  # fmt: skip
    return material


def toy(data: Path, tone: Colour, lips: Colour, scalp: Colour) -> bpy.types.Material:
    """A doll's skin: even, a little soft, its cheeks and lips painted on."""
    material, tree = principled(
        "skin", Subsurface_Weight=1.0, Subsurface_Radius=(1.0, 0.7, 0.55), Subsurface_Scale=0.006, Roughness=0.46,
        Specular_IOR_Level=0.4, Coat_Weight=0.12, Coat_Roughness=0.25,
    )  # fmt: skip
    masks = data / "mpfb2/textures"
    blush = tree.math("MULTIPLY", tree.attribute("cheeks"), 0.75)
    colour = tree.mix(blush, tone, tuple(a * b for a, b in zip(tone, (1.0, 0.52, 0.50), strict=True)))
    mouth = tree.node("MapRange", tree.image(masks / "mpfb_lips.jpg"), 0.25, 0.8, 0.0, 0.8)
    colour = tree.mix(mouth, colour, lips)
    inside = tree.image(masks / "mpfb_inside-mouth.jpg")
    colour = tree.mix(inside, colour, tuple(0.5 * c for c in lips))
    surface(tree, Base_Color=tree.mix(tree.attribute("scalp"), colour, scalp))
    return material


GAPS = (0.0, 0.0072, 0.0128, 0.0188, 0.0240)
"""Where one tooth ends and the next begins, metres from the middle."""


def teeth() -> bpy.types.Material:
    """One band of enamel, parted into teeth by shade."""
    material, tree = principled(
        "teeth", Roughness=0.16, Subsurface_Weight=0.12, Subsurface_Radius=(1.0, 0.8, 0.6), Subsurface_Scale=0.003
    )
    x = tree.math("ABSOLUTE", tree.node("SeparateXYZ", tree.place(), out="X"))
    shade: Any = 0.0
    for gap in GAPS:
        off = tree.math("DIVIDE", tree.math("SUBTRACT", x, gap), 0.00038)
        line = tree.math("POWER", 2.71828, tree.math("MULTIPLY", tree.math("MULTIPLY", off, off), -1.0))
        shade = tree.math("ADD", shade, line)
    back = tree.node("MapRange", x, 0.008, 0.026, 0.0, 0.45)
    colour = tree.mix(back, (0.80, 0.74, 0.64), (0.55, 0.45, 0.36))
    surface(tree, Base_Color=tree.mix(tree.math("MULTIPLY", shade, 0.6), colour, (0.28, 0.18, 0.14)))
    return material


def tongue() -> bpy.types.Material:
    material, tree = principled("tongue", Base_Color=(0.50, 0.17, 0.17), Roughness=0.32, Subsurface_Weight=0.2)
    surface(tree, Normal=tree.bump(tree.noise(900.0), 0.3, 0.001), Subsurface_Scale=0.004)
    return material


def eye(name: str, centre: Array, radius: float, iris: Colour, size: float) -> bpy.types.Material:
    """An eyeball coloured by the distance from its front pole: pupil, fibrous iris, dark limbus, veined sclera.

    ``size``: of the iris, in a person's. Where the eye looks is read from the object's own coordinates at rest, so the
    colours turn with the mesh's UVs.
    """
    material, tree = principled(
        name, Roughness=0.22, Coat_Weight=1.0, Coat_Roughness=0.015, Coat_IOR=1.45, Subsurface_Weight=0.12,
        Subsurface_Scale=0.003, Specular_IOR_Level=0.2,
    )  # fmt: skip
    at = tree.node("Attribute", attribute_name="rest", out="Vector")
    pole = tuple(to_blender(np.asarray(centre) + np.array([0, 0, radius])))
    away = tree.node("VectorMath", at, pole, operation="DISTANCE", out="Value")
    r = tree.math("DIVIDE", away, radius)
    offset = tree.node("VectorMath", at, tuple(to_blender(np.asarray(centre))), operation="SUBTRACT")
    x, z = (tree.node("SeparateXYZ", offset, out=axis) for axis in ("X", "Z"))
    around = tree.math("ARCTAN2", z, x)
    ring = tree.node(
        "CombineXYZ", tree.math("COSINE", around), tree.math("SINE", around), tree.math("MULTIPLY", r, 0.8)
    )
    fibre = tree.nodes.new("ShaderNodeTexNoise")
    fibre.inputs["Scale"].default_value, fibre.inputs["Detail"].default_value = 14.0, 4.0
    tree.put(fibre.inputs["Vector"], ring)
    ramp = tree.nodes.new("ShaderNodeValToRGB")
    light = tuple(min(1.0, 2.3 * c) for c in iris)
    edge = tuple(0.22 * c for c in iris)
    stops = ramp.color_ramp.elements
    stops[0].position, stops[0].color = 0.0, (0.003, 0.003, 0.003, 1)
    stops[1].position, stops[1].color = 0.165, (0.004, 0.003, 0.003, 1)
    for place, colour in ((0.195, iris), (0.33, light), (0.42, iris), (0.475, edge), (0.535, (0.74, 0.69, 0.67))):
        stops.new(place).color = (*colour, 1)
    ring_at = r if size == 1 else tree.math("DIVIDE", r, size)
    tree.put(ramp.inputs[0], ring_at)
    dimmed = tree.node("MapRange", fibre.outputs["Fac"], 0.3, 0.7, 0.45, 1.35)
    inside = tree.math("LESS_THAN", ring_at, 0.47)
    gain = tree.math("ADD", tree.math("MULTIPLY", inside, tree.math("SUBTRACT", dimmed, 1.0)), 1.0)
    colour = tree.node("VectorMath", ramp.outputs[0], operation="SCALE")
    tree.put(colour.node.inputs["Scale"], gain)
    corner = tree.node("MapRange", r, 0.75, 1.25, 0.0, 0.5)
    surface(tree, Base_Color=tree.mix(corner, colour, (0.62, 0.36, 0.32)))
    return material


def lash(name: str, mask: bpy.types.Image) -> bpy.types.Material:
    """Hairs of a lid on a card, their opacity read from ``mask`` by the card's UVs."""
    material, tree = principled(name, Base_Color=(0.012, 0.009, 0.008), Roughness=0.6, Specular_IOR_Level=0.2)
    opacity = tree.node("TexImage", image=mask, extension="CLIP")
    mix = tree.node("MixShader", opacity, tree.node("BsdfTransparent"), tree.nodes["Principled BSDF"].outputs[0])
    tree.put(tree.nodes["Material Output"].inputs["Surface"], mix)
    return material


def strand(name: str, colour: Colour, roughness: float) -> bpy.types.Material:
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    tree = Tree(material)
    tree.nodes.remove(tree.nodes["Principled BSDF"])
    shader = tree.node("BsdfHairPrincipled", parametrization="COLOR").node
    for key, value in (
        ("Color", (*colour, 1)), ("Roughness", roughness), ("Radial Roughness", 0.5), ("Random Roughness", 0.25),
        ("Random Color", 0.35), ("Coat", 0.0),
    ):  # fmt: skip
        if key in shader.inputs:
            shader.inputs[key].default_value = value
    tree.put(tree.nodes["Material Output"].inputs[0], shader.outputs[0])
    return material


def plain(name: str) -> bpy.types.Material:
    """For what is not seen, or is given another later."""
    return bpy.data.materials.new(name)


def cloth(name: str, colour: Colour, weave: float, sheen: float, wrinkles: float) -> bpy.types.Material:
    material, tree = principled(
        name, Base_Color=colour, Roughness=0.82, Specular_IOR_Level=0.2, Sheen_Weight=sheen, Sheen_Roughness=0.4
    )
    at = tree.node("TexCoord", out="Object")
    relief = tree.math(
        "ADD",
        tree.math("MULTIPLY", tree.noise(1600.0, 1.0, at), weave),
        tree.math("MULTIPLY", tree.noise(15.0, 3.0, at), wrinkles),
    )
    surface(tree, Normal=tree.bump(relief, 1.0, 0.01))
    return material


def picture(name: str, pixels: npt.NDArray[np.floating[Any]], colour_space: str = "Non-Color") -> bpy.types.Image:
    """An image from (h, w, 3) floats, its first row on top."""
    h, w = pixels.shape[:2]
    image = bpy.data.images.new(name, w, h, float_buffer=True)
    image.colorspace_settings.name = colour_space
    rgba = np.concatenate([pixels, np.ones((h, w, 1))], -1)[::-1]
    image.pixels.foreach_set(np.ascontiguousarray(rgba, np.float32).ravel())
    image.pack()
    return image
