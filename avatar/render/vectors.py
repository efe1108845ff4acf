"""Rows of pixels as vectors.

A cell's rows are too short for a compiler to vectorize loops over them, so the busiest pieces are spelled out here in
LLVM's own vectors, which become the machine's whatever they are. All are pieces of compiled loops, and take flat
arrays and positions in them.
"""

from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.core import cgutils as _cgutils
from numba.extending import intrinsic as _intrinsic

_INDEX: Final = ir.IntType(32)
cgutils: Any = _cgutils
intrinsic: Any = _intrinsic
"""Its results are called with one argument less than they are written with, which no checker knows."""


class _Lanes:
    """A vector of integers while its code is being written; plain numbers stand for vectors of them."""

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder, self.value = builder, value

    @property
    def count(self) -> int:
        return int(self.value.type.count)

    def other(self, what: Any) -> Any:
        """``what``, a vector or a number known now or at run time, as a vector like this one."""
        if isinstance(what, _Lanes):
            return what.value
        if isinstance(what, int):
            return ir.Constant(self.value.type, [what] * self.count)
        element = self.value.type.element
        if what.type.width > element.width:
            what = self.builder.trunc(what, element)
        return splat(self.builder, what, self.count).value

    def __add__(self, what: Any) -> "_Lanes":
        return _Lanes(self.builder, self.builder.add(self.value, self.other(what)))

    def __sub__(self, what: Any) -> "_Lanes":
        return _Lanes(self.builder, self.builder.sub(self.value, self.other(what)))

    def __rsub__(self, what: Any) -> "_Lanes":
        return _Lanes(self.builder, self.builder.sub(self.other(what), self.value))

    def __mul__(self, what: Any) -> "_Lanes":
        return _Lanes(self.builder, self.builder.mul(self.value, self.other(what)))

    def __and__(self, what: Any) -> "_Lanes":
        return _Lanes(self.builder, self.builder.and_(self.value, self.other(what)))

    def __or__(self, what: Any) -> "_Lanes":
        return _Lanes(self.builder, self.builder.or_(self.value, self.other(what)))

    def __rshift__(self, bits: int) -> "_Lanes":
        return _Lanes(self.builder, self.builder.lshr(self.value, self.other(bits)))

    def compare(self, how: str, what: Any) -> "_Lanes":
        """A mask; as unsigned numbers."""
        return _Lanes(self.builder, self.builder.icmp_unsigned(how, self.value, self.other(what)))

    def choose(self, yes: Any, no: Any) -> "_Lanes":
        """Of a mask: ``yes`` where it is set."""
        return _Lanes(self.builder, self.builder.select(self.value, yes.value, no.value))

    def wide(self, bits: int) -> "_Lanes":
        return _Lanes(self.builder, self.builder.zext(self.value, ir.VectorType(ir.IntType(bits), self.count)))

    def narrow(self, bits: int) -> "_Lanes":
        return _Lanes(self.builder, self.builder.trunc(self.value, ir.VectorType(ir.IntType(bits), self.count)))

    def pick(self, places: list[int]) -> "_Lanes":
        order = ir.Constant(ir.VectorType(_INDEX, len(places)), places)
        return _Lanes(self.builder, self.builder.shuffle_vector(self.value, self.value, order))

    def __getitem__(self, lane: int) -> Any:
        return self.builder.extract_element(self.value, ir.Constant(_INDEX, lane))


def splat(builder: Any, value: Any, count: int) -> _Lanes:
    """A number at run time in every lane."""
    vector = ir.VectorType(value.type, count)
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.Constant(_INDEX, 0))
    zeros = ir.Constant(ir.VectorType(_INDEX, count), [0] * count)
    return _Lanes(builder, builder.shuffle_vector(one, one, zeros))


def numbered(builder: Any, bits: int, count: int) -> _Lanes:
    """0, 1, 2, …"""
    return _Lanes(builder, ir.Constant(ir.VectorType(ir.IntType(bits), count), list(range(count))))


class _Code:
    """What an intrinsic writes its code with."""

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any) -> None:
        self.builder = builder
        self._context, self._signature, self._arguments = context, signature, arguments

    def array(self, k: int) -> Any:
        """The data of argument ``k``."""
        return self._context.make_array(self._signature.args[k])(self._context, self.builder, self._arguments[k]).data

    def __getitem__(self, k: int) -> Any:
        return self._arguments[k]

    def plus(self, place: Any, what: Any) -> Any:
        return self.builder.add(place, what if not isinstance(what, int) else ir.Constant(place.type, what))

    def load(self, data: Any, place: Any, bits: int, count: int) -> _Lanes:
        return _Lanes(self.builder, self.builder.load(self._vector(data, place, bits, count), align=1))

    def store(self, lanes: _Lanes, data: Any, place: Any) -> None:
        bits = lanes.value.type.element.width
        self.builder.store(lanes.value, self._vector(data, place, bits, lanes.count), align=1)

    def _vector(self, data: Any, place: Any, bits: int, count: int) -> Any:
        vector = ir.VectorType(ir.IntType(bits), count)
        return self.builder.bitcast(self.builder.gep(data, [place]), vector.as_pointer())

    def gather(self, data: Any, places: _Lanes, bits: int) -> _Lanes:
        """What lies at each of ``places``, of any width."""
        vector = ir.Constant(ir.VectorType(ir.IntType(bits), places.count), ir.Undefined)
        for lane in range(places.count):
            place = self.builder.zext(places[lane], ir.IntType(64))
            pointer = self.builder.bitcast(self.builder.gep(data, [place]), ir.IntType(bits).as_pointer())
            value = self.builder.load(pointer, align=1)
            vector = self.builder.insert_element(vector, value, ir.Constant(_INDEX, lane))
        return _Lanes(self.builder, vector)


def mixed(a: _Lanes, b: _Lanes, share: _Lanes) -> _Lanes:
    """Bytes in 16 bits, ``share`` of 256 of b: rounded to bytes."""
    return (a * (256 - share) + b * share + 128) >> 8


@intrinsic
def draw_run(_context, keys, at, key, step, length, empty):  # type: ignore[no-untyped-def]
    """keys[at + i] = min(keys[at + i], key + i · step) for i < min(length, 8); all positive, below ``empty``.

    ``empty`` is written where i >= length, so it must be no less than what is there.
    """

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        code = _Code(context, builder, signature, arguments)
        lanes = numbered(builder, 64, 8)
        new = lanes * code[3] + code[2]
        inside = _Lanes(builder, builder.icmp_signed("<", lanes.value, lanes.other(code[4])))
        new = inside.choose(new, splat(builder, code[5], 8))
        # Compared as doubles, whose order is that of their bits while these are positive: every processor has that
        # minimum in one instruction, and integers' only the newest.
        real = ir.VectorType(ir.DoubleType(), 8)
        least = cgutils.get_or_insert_function(builder.module, ir.FunctionType(real, [real, real]), "llvm.minnum.v8f64")
        old = code.load(code.array(0), code[1], 64, 8)
        pair = [builder.bitcast(value, real) for value in (new.value, old.value)]
        nearest = builder.call(least, pair, fastmath=("fast",))
        code.store(_Lanes(builder, builder.bitcast(nearest, new.value.type)), code.array(0), code[1])
        return context.get_dummy_value()

    return types.void(keys, *(types.int64,) * 5), generate


@intrinsic
def prefetch(_context, data, place):  # type: ignore[no-untyped-def]
    """Ask for the memory at data[place], which need not exist."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        code = _Code(context, builder, signature, arguments)
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        ask = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.VoidType(), [byte, number, number, number]), "llvm.prefetch.p0"
        )
        pointer = builder.bitcast(builder.gep(code.array(0), [code[1]]), byte)
        builder.call(ask, [pointer, *(ir.Constant(number, k) for k in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(data, types.int64), generate


def _make_copy(count: int) -> Any:
    @intrinsic
    def copy(_context, out, at, plane, place):  # type: ignore[no-untyped-def]
        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            code = _Code(context, builder, signature, arguments)
            code.store(code.load(code.array(2), code[3], 8, count), code.array(0), code[1])
            return context.get_dummy_value()

        return types.void(out, types.int64, plane, types.int64), generate

    return copy


copy16, copy8 = _make_copy(16), _make_copy(8)
"""(out, at, plane, place): bytes of ``plane`` from ``place`` on into ``out`` from ``at`` on."""


def _make_straight(count: int) -> Any:
    @intrinsic
    def straight(_context, out, at, plane, place, stride, fx, fy):  # type: ignore[no-untyped-def]
        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            code = _Code(context, builder, signature, arguments)
            data, fractions = (
                code.array(2),
                [splat(builder, builder.trunc(code[k], ir.IntType(16)), count) for k in (5, 6)],
            )

            def row(place: Any) -> _Lanes:
                a, b = (code.load(data, code.plus(place, k), 8, count).wide(16) for k in (0, 1))
                return mixed(a, b, fractions[0])

            total = mixed(row(code[3]), row(code.plus(code[3], code[4])), fractions[1])
            code.store(total.narrow(8), code.array(0), code[1])
            return context.get_dummy_value()

        return types.void(out, types.int64, plane, *(types.int64,) * 4), generate

    return straight


straight16, straight8 = _make_straight(16), _make_straight(8)
"""(out, at, plane, place, stride, fx, fy): bytes of ``plane``, rows ``stride`` apart, read from ``place`` on and moved
by fractions (fx, fy) of 256 to the right and down."""


def _slanted_reader(code: _Code, count: int, place: Any, stride: Any, first: int) -> Any:
    """Reads planes along a slanted line; arguments from ``first`` on are px, py, dx, dy as :data:`slanted16` has."""
    builder = code.builder
    lanes = numbered(builder, 16, count)
    x, y = lanes * code[first + 2] + code[first], lanes * code[first + 3] + code[first + 1]
    right, low = x.compare(">=", 4096), y.compare(">=", 4096)
    fx, fy = (x >> 4) & 255, (y >> 4) & 255

    def read(data: Any) -> _Lanes:
        rows, start = [], place
        for _ in range(3):
            a, b, c = (code.load(data, code.plus(start, k), 8, count).wide(16) for k in range(3))
            rows.append(mixed(right.choose(b, a), right.choose(c, b), fx))
            start = code.plus(start, stride)
        return mixed(low.choose(rows[1], rows[0]), low.choose(rows[2], rows[1]), fy)

    return read


def _make_slanted(count: int) -> Any:
    @intrinsic
    def slanted(_context, out, at, plane, place, stride, px, py, dx, dy):  # type: ignore[no-untyped-def]
        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            code = _Code(context, builder, signature, arguments)
            read = _slanted_reader(code, count, code[3], code[4], 5)
            code.store(read(code.array(2)).narrow(8), code.array(0), code[1])
            return context.get_dummy_value()

        return types.void(out, types.int64, plane, *(types.int64,) * 6), generate

    return slanted


slanted16, slanted8 = _make_slanted(16), _make_slanted(8)
"""(out, at, plane, place, stride, px, py, dx, dy): as :data:`straight16`, but lane k is read (px + k · dx, py + k · dy)
of 4096 to the right and down of its place, each from 0 to below 2 · 4096."""


def _make_lay(count: int) -> Any:
    @intrinsic
    def lay(_context, out, at, plane, opacity, place, stride, px, py, dx, dy):  # type: ignore[no-untyped-def]
        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            code = _Code(context, builder, signature, arguments)
            read = _slanted_reader(code, count, code[4], code[5], 6)
            value, alpha = read(code.array(2)), read(code.array(3))
            under = code.load(code.array(0), code[1], 8, count).wide(16)
            left = under * (255 - alpha) + 128
            total = value + ((left + (left >> 8)) >> 8)
            total = total.compare("<", 255).choose(total, splat(builder, ir.Constant(ir.IntType(16), 255), count))
            code.store(total.narrow(8), code.array(0), code[1])
            return context.get_dummy_value()

        return types.void(out, types.int64, plane, opacity, *(types.int64,) * 6), generate

    return lay


lay16, lay8 = _make_lay(16), _make_lay(8)
"""(out, at, plane, opacity, place, stride, px, py, dx, dy): what :data:`slanted16` reads, laid over ``out`` by the
opacity read likewise; ``plane`` is multiplied by it already."""


@intrinsic
def look_up16(_context, out, at, keys, place, atlas, stride, last, empty):  # type: ignore[no-untyped-def]
    """Bytes of ``atlas`` at 16 raster keys, bilinear, into ``out`` where keys are not ``empty``.

    A key holds 12 bits of a column and 8 of its fraction, then the same of a row; no position is read beyond ``last``.
    """

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        code = _Code(context, builder, signature, arguments)
        key = code.load(code.array(2), code[3], 64, 16)
        data, (stride, last, empty) = code.array(4), arguments[5:]
        column, row = ((key >> 8) & 0xFFF).narrow(32), ((key >> 28) & 0xFFF).narrow(32)
        at = row * stride + column
        at = at.compare("<", last).choose(at, _Lanes(builder, at.other(last)))
        fx, fy = key.narrow(16) & 255, (key >> 20).narrow(16) & 255
        pairs = [code.gather(data, places, 16) for places in (at, at + stride)]
        upper, lower = (mixed(pair & 255, pair >> 8, fx) for pair in pairs)
        under = code.load(code.array(0), code[1], 8, 16)
        total = key.compare("!=", empty).choose(mixed(upper, lower, fy).narrow(8), under)
        code.store(total, code.array(0), code[1])
        return context.get_dummy_value()

    return types.void(out, types.int64, keys, types.int64, atlas, *(types.int64,) * 3), generate


@intrinsic
def chroma8(_context, out_u, out_v, at, keys, place, pitch, atlas, stride, last, empty, seam, skip):  # type: ignore[no-untyped-def]
    """Chroma of 8 squares of 2 x 2 raster keys, rows ``pitch`` apart, each read once in the middle of its square.

    ``atlas`` has 16 bits of Cb and 16 of Cr a word, a word for 2 x 2 texels. Returns a bit for each square that is left
    as it was for another to deal with: not all of it empty, but with corners ``seam`` or more apart in the atlas, or
    with a bit in ``skip``.
    """

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        code = _Code(context, builder, signature, arguments)
        pitch, stride, last, empty, seam, skip = (arguments[k] for k in (5, 7, 8, 9, 10, 11))
        evens, odds = list(range(0, 16, 2)), list(range(1, 16, 2))
        upper = code.load(code.array(3), code[4], 64, 16)
        lower = code.load(code.array(3), code.plus(code[4], pitch), 64, 16)
        first, final = upper.pick(evens), lower.pick(odds)
        u, v = (((first >> shift) & 0xFFFFF).narrow(32) for shift in (0, 20))
        u_final, v_final = (((final >> shift) & 0xFFFFF).narrow(32) for shift in (0, 20))
        reach = builder.trunc(seam, ir.IntType(32))
        span = builder.add(reach, reach)
        near = (u - u_final + reach).compare("<", span) & (v - v_final + reach).compare("<", span)
        here, there = first.compare("!=", empty), final.compare("!=", empty)
        left_out = _Lanes(builder, builder.bitcast(builder.trunc(skip, ir.IntType(8)), ir.VectorType(ir.IntType(1), 8)))
        good = here & there & near & _Lanes(builder, builder.not_(left_out.value))
        # The middle of the square; a chroma texel's middle lies between two luma texels.
        u, v = (((a + b) >> 1) >> 1 for a, b in ((u, u_final), (v, v_final)))
        u, v = (n.compare(">", 64).choose(n - 64, n - n) for n in (u, v))
        where = (v >> 8) * stride + (u >> 8)
        where = where.compare("<", last).choose(where, _Lanes(builder, where.other(last)))
        fx, fy = u & 255, v & 255
        rows = []
        for places in (where, where + stride):
            pair = code.gather(code.array(6), places, 64)
            a, b = pair.narrow(32), (pair >> 32).narrow(32)
            rows.append(((a * (256 - fx) + b * fx + 0x00800080) >> 8) & 0x00FF00FF)
        both = rows[0] * (256 - fy) + rows[1] * fy
        for k, total in ((0, both & 0xFFFF), (1, both >> 16)):
            under = code.load(code.array(k), code[2], 8, 8)
            code.store(good.choose(((total + 128) >> 8).narrow(8), under), code.array(k), code[2])
        some = here | there | upper.pick(odds).compare("!=", empty) | lower.pick(evens).compare("!=", empty)
        left = some & _Lanes(builder, builder.not_(good.value))
        return builder.zext(builder.bitcast(left.value, ir.IntType(8)), ir.IntType(64))

    signature = types.int64(out_u, out_v, types.int64, keys, types.int64, types.int64, atlas, *(types.int64,) * 5)
    return signature, generate
