import { GLYPH_HEIGHT, GLYPH_WIDTH, glyphRows } from "./glyphs.js";

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A picture of palette indices, one byte a pixel; what falls outside is cut off. */
export interface Canvas {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly pixels: Uint8Array;
  disc(center: Point, radiusPx: number, color: number): void;
  line(from: Point, to: Point, thicknessPx: number, color: number): void;
  /** Fills a polygon whose corners turn one way only. */
  convex(corners: readonly Point[], color: number): void;
  /** Capital letters, digits and `-.:`; anything else is a blank. */
  text(at: Point, text: string, scale: number, color: number): void;
}

export function createCanvas(widthPx: number, heightPx: number, background: number): Canvas {
  const pixels = new Uint8Array(widthPx * heightPx).fill(background);
  const span = (y: number, fromX: number, toX: number, color: number) => {
    if (y < 0 || y >= heightPx) return;
    const left = Math.max(0, Math.round(fromX));
    const right = Math.min(widthPx, Math.round(toX));
    if (left < right) pixels.fill(color, y * widthPx + left, y * widthPx + right);
  };
  const convex = (corners: readonly Point[], color: number) => {
    const ys = corners.map(({ y }) => y);
    const top = Math.max(0, Math.ceil(Math.min(...ys)));
    const bottom = Math.min(heightPx - 1, Math.floor(Math.max(...ys)));
    for (let y = top; y <= bottom; y += 1) {
      const crossings = corners.flatMap((a, index) => {
        const b = corners[(index + 1) % corners.length]!;
        return a.y <= y === b.y <= y ? [] : [a.x + ((y - a.y) / (b.y - a.y)) * (b.x - a.x)];
      });
      if (crossings.length > 1) span(y, Math.min(...crossings), Math.max(...crossings), color);
    }
  };
  const disc = ({ x, y }: Point, radiusPx: number, color: number) => {
    for (let row = Math.ceil(y - radiusPx); row <= y + radiusPx; row += 1) {
      const half = Math.sqrt(radiusPx ** 2 - (row - y) ** 2);
      span(row, x - half, x + half, color);
    }
  };
  return {
    widthPx,
    heightPx,
    pixels,
    disc,
    convex,
    line(from, to, thicknessPx, color) {
      const length = Math.hypot(to.x - from.x, to.y - from.y);
      if (length === 0) return;
      const half = Math.max(thicknessPx, 1.5) / 2;
      const across = { x: (-(to.y - from.y) / length) * half, y: ((to.x - from.x) / length) * half };
      const corner = (p: Point, sign: number) => ({ x: p.x + sign * across.x, y: p.y + sign * across.y });
      convex([corner(from, 1), corner(to, 1), corner(to, -1), corner(from, -1)], color);
    },
    text(at, text, scale, color) {
      [...text].forEach((character, index) => {
        const left = at.x + index * (GLYPH_WIDTH + 1) * scale;
        glyphRows(character).forEach((row, line) => {
          for (let column = 0; column < GLYPH_WIDTH; column += 1) {
            if (!(row & (1 << (GLYPH_WIDTH - 1 - column)))) continue;
            for (let y = 0; y < scale; y += 1) {
              const x = left + column * scale;
              span(Math.round(at.y) + line * scale + y, x, x + scale, color);
            }
          }
        });
      });
    },
  };
}

/** Height of a line of text, with its gap. */
export function lineHeightPx(scale: number): number {
  return (GLYPH_HEIGHT + 2) * scale;
}
