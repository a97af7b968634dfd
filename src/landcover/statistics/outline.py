"""The exact fraction of each pixel that a polygon covers, from its outline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Outline:
    """The edges of a polygon on a grid of pixels, cut wherever they cross a side of one; sorted by row.

    A pixel is covered by the signed area between the polygon's edges in it and its right side, plus the
    rise of all edges in the pixels to its left: the exact coverage that renderers of fonts compute
    (Levien 2016, font-rs). In a row without edges the sum is whole, so that only outlines take memory.

    Attributes
    ----------
    row, column : of the pixel that each piece of an edge lies in
    rise : height of the piece, px; positive where the polygon lies to its right, else negative
    right : what of it counts for the pixel to the right only: rise × distance from the pixel's left side
    bounds : first column and row that the polygon touches, and those after the last
    """

    row: Ints
    column: Ints
    rise: Floats
    right: Floats
    bounds: tuple[int, int, int, int]

    @classmethod
    def of(cls, shape: Any) -> Outline:
        """The outline of a polygon or multipolygon in columns (x) and rows (y).

        Examples
        --------
        >>> from shapely import box
        >>> Outline.of(box(0.5, 0, 2, 1.25)).fractions(0, 0, 2, 3)
        array([[0.5  , 1.   , 0.   ],
               [0.125, 0.25 , 0.   ]])
        """
        import shapely

        _, hole, rings = rings_of([shape])
        points, ring = shapely.get_coordinates(rings, return_index=True)
        edges = ring[1:] == ring[:-1]
        turn = np.where(shapely.is_ccw(rings) == hole, 1.0, -1.0)
        edge, start, end = _cut(points[:-1][edges], points[1:][edges])
        middle = (start + end) / 2
        column, row = np.floor(middle).astype(np.intp).T
        rise = (end - start)[:, 1] * turn[ring[1:][edges]][edge]
        right = rise * (middle[:, 0] - column)
        order = np.argsort(row, kind="stable")
        order = order[rise[order] != 0]
        low, high = (points.min(axis=0), points.max(axis=0)) if len(points) else np.zeros((2, 2))
        bounds = (*np.floor(low).astype(int).tolist(), *np.ceil(high).astype(int).tolist())
        return cls(row[order], column[order], rise[order], right[order], bounds)

    def fractions(self, row: int, column: int, height: int, width: int) -> Floats:
        """The covered fraction, 0 to 1, of each pixel of a window."""
        some = slice(*np.searchsorted(self.row, [row, row + height]))
        columns = self.column[some] - column
        here = columns < width
        columns, rise = columns[here], self.rise[some][here]
        right = np.where(columns < 0, 0.0, self.right[some][here])
        across = width + 1  # one more, for what the last column hands to the right
        at = (self.row[some][here] - row) * across + np.maximum(columns, 0)
        steps = np.bincount(at, rise - right, height * across)
        steps += np.bincount(at + 1, right, height * across)
        rows = steps.reshape(height, across)
        covered: Floats = np.cumsum(rows, axis=1, dtype=np.float64)[:, :width]
        return covered


def rings_of(shapes: Any) -> tuple[Ints, npt.NDArray[np.bool_], Any]:
    """Of each ring of polygons and multipolygons: the position of its shape, whether it is a hole, itself."""
    import shapely

    parts, shape = shapely.get_parts(shapes, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    hole = np.r_[False, part[1:] == part[:-1]][: len(part)]
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
    order = np.lexsort((np.concatenate(along), edge))
    edge, begin = edge[order], begin[order]
    finish = np.concatenate([begin[1:], end[-1:]])
    last = np.append(edge[1:] != edge[:-1], True)[: len(edge)]
    finish[last] = end
    return edge, begin, finish
