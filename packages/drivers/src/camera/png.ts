import { promisify } from "node:util";
import { deflate, crc32 as zlibCrc32 } from "node:zlib";
import type { Canvas } from "./canvas.js";

const deflateAsync = promisify(deflate);

/** Fast and good enough: pictures of flat colours shrink a hundredfold anyway. */
const COMPRESSION_LEVEL = 3;
const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** PNG with a palette (W3C PNG specification, colour type 3). Compresses on the thread pool, not on the event loop. */
export async function encodePng(
  canvas: Canvas,
  palette: readonly (readonly [number, number, number])[],
): Promise<Buffer> {
  const { widthPx, heightPx, pixels } = canvas;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(widthPx, 0);
  header.writeUInt32BE(heightPx, 4);
  // 8 bits a pixel, palette, the only compression and filter method, no interlacing.
  header.set([8, 3, 0, 0, 0], 8);
  // Each row is led by its filter type; 0 is none, the best for palettes.
  const rows = Buffer.alloc((widthPx + 1) * heightPx);
  for (let y = 0; y < heightPx; y += 1) {
    rows.set(pixels.subarray(y * widthPx, (y + 1) * widthPx), y * (widthPx + 1) + 1);
  }
  const data = await deflateAsync(rows, { level: COMPRESSION_LEVEL });
  return Buffer.concat([
    SIGNATURE,
    chunk("IHDR", header),
    chunk("PLTE", Buffer.from(palette.flat())),
    chunk("IDAT", data),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(zlibCrc32(body));
  return Buffer.concat([length, body, check]);
}
