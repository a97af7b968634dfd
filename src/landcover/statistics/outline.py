"""The exact fraction of each pixel that polygons cover, from their outlines: no pixel inside is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Cover:
    """What polygons cover of a rectangle of pixels: cells, each in part, and runs, which are covered wholly.

    Attributes
    ----------
    zone, row, column, fraction : of each cell: position of the polygon, pixel, what is covered of it (0 to 1)
    run_zone, run_row, start, stop : of each run: position of the polygon, row, first column and the one after
        the last
    """

    zone: Ints
    row: Ints
    column: Ints
    fraction: Floats
    run_zone: Ints
    run_row: Ints
    start: Ints
    stop: Ints

    def between(self, left: int, right: int) -> Cover:
        """The part in the columns from `left` to before `right`."""
        cell = (self.column >= left) & (self.column < right)
        start, stop = np.maximum(self.start, left), np.minimum(self.stop, right)
        run = start < stop
        return Cover(
            self.zone[cell], self.row[cell], self.column[cell], self.fraction[cell],
            self.run_zone[run], self.run_row[run], start[run], stop[run],
        )  # fmt: skip


@dataclass(frozen=True)
class Edges:
    """The edges of polygons in columns (x) and rows (y).

    Attributes
    ----------
    zone : position of each edge's polygon
    start, end : n × (x, y)
    turn : 1 where the polygon lies on the right of an edge that goes down, else -1
    """

    zone: Ints
    start: Floats
    end: Floats
    turn: Floats

    @classmethod
    def of(cls, shapes: Any) -> Edges:
        """Those of polygons and multipolygons."""
        import shapely

        zone, hole, rings = rings_of(shapes)
        points, ring = shapely.get_coordinates(rings, return_index=True)
        kept = ring[1:] == ring[:-1]
        ring = ring[1:][kept]
        turn = np.where(shapely.is_ccw(rings) == hole, 1.0, -1.0)
        return cls(zone[ring], points[:-1][kept], points[1:][kept], turn[ring])

    def cover(self, top: int, bottom: int, width: int) -> Cover:
        """What the polygons cover of the rows from `top` to before `bottom`, in columns 0 to `width` - 1.

        In a row, each piece of an edge covers what lies between it and the end of the row, with the sign of
        its direction; the sum over all pieces is what the polygon covers. So a pixel that holds pieces is
        covered by the rise of all pieces up to there, less what lies left of them in it; the pixels from
        there to the next such are covered by the rise alone, 1 or 0 (Levien 2016, font-rs). Level pieces have
        no rise, but tell the pixels that they cross from those.

        Examples
        --------
        >>> from shapely import box
        >>> part = Edges.of([box(0.5, 0, 3.25, 3)]).cover(1, 2, 4)
        >>> part.column, part.fraction, part.start, part.stop
        (array([0, 3]), array([0.5 , 0.25]), array([1]), array([3]))
        """
        low, high = np.minimum(self.start[:, 1], self.end[:, 1]), np.maximum(self.start[:, 1], self.end[:, 1])
        near = ((low < bottom) & (high >= top)).nonzero()[0]
        edge, start, end = _cut(self.start[near], self.end[near])
        edge = near[edge]
        middle = (start + end) / 2
        column, row = np.floor(middle).astype(np.intp).T
        rise = (end - start)[:, 1] * self.turn[edge]
        left = rise * (middle[:, 0] - column)
        zone = self.zone[edge]
        inside = ((row >= top) & (row < bottom)).nonzero()[0]
        across = column - column.min(initial=0)
        key = (zone * (bottom - top) + row - top) * (across.max(initial=0) + 1) + across
        order = inside[np.argsort(key[inside])]
        zone, row, column = zone[order], row[order], column[order]
        fresh = np.ones(len(order), bool)
        in_row = (zone[1:] == zone[:-1]) & (row[1:] == row[:-1])
        fresh[1:] = ~in_row | (column[1:] != column[:-1])
        first = fresh.nonzero()[0]
        if not len(first):
            none, nothing = np.zeros(0, np.intp), np.zeros(0)
            return Cover(none, none, none, nothing, none, none, none, none)
        zone, row, column = zone[first], row[first], column[first]
        after = np.cumsum(np.add.reduceat(rise[order], first))
        fraction = after - np.add.reduceat(left[order], first)
        follows = np.append((zone[1:] == zone[:-1]) & (row[1:] == row[:-1]), False)
        stop = np.where(follows, np.roll(column, -1), column)
        whole = (after > 0.5) & (stop > column + 1)
        cell = fraction > 0
        runs = (zone[whole], row[whole], column[whole] + 1, stop[whole])
        return Cover(zone[cell], row[cell], column[cell], fraction[cell], *runs).between(0, width)


def rings_of(shapes: Any) -> tuple[Ints, npt.NDArray[np.bool_], Any]:
    """Of each ring of polygons and multipolygons: the position of its shape, whether it is a hole, itself."""
    import shapely

    parts, shape = shapely.get_parts(shapes, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    hole = np.append(False, part[1:] == part[:-1])[: len(part)]
    return shape[part], hole, rings


def _cut(start: Floats, end: Floats) -> tuple[Ints, Floats, Floats]:
    """Cut edges where they cross the lines between pixels.

    Returns
    -------
    edge : of which edge each piece is
    start, end : of each piece, n × (x, y)
    """
    every = np.arange(len(start))
    first = np.floor(np.minimum(start, end)).astype(np.intp) + 1
    crossed = np.maximum(np.ceil(np.maximum(start, end)).astype(np.intp) - first, 0)
    edges, along, points = [every], [np.zeros(len(start))], [start]
    for axis in (0, 1):
        edge = np.repeat(every, crossed[:, axis])
        before = np.cumsum(crossed[:, axis]) - crossed[:, axis]
        line = first[edge, axis] + np.arange(len(edge)) - before[edge]
        way = (end - start)[edge]
        part = (line - start[edge, axis]) / way[:, axis]
        point = start[edge] + part[:, None] * way
        point[:, axis] = line
        edges.append(edge)
        along.append(part)
        points.append(point)
    edge, begin = np.concatenate(edges), np.concatenate(points)
    order = np.argsort(edge + np.concatenate(along) / 2)  # by edge, then along it: quicker than by two keys
    edge, begin = edge[order], begin[order]
    finish = np.concatenate([begin[1:], end[-1:]])
    finish[np.append(edge[1:] != edge[:-1], True)[: len(edge)]] = end
    return edge, begin, finish
