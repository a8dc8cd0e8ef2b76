import assert from "node:assert/strict";
import { test } from "node:test";
import { inflateSync } from "node:zlib";
import type { Pictured } from "../fake/portrait.js";
import { loadComponents } from "../load-components.js";
import type { Resource } from "../resource.js";
import { createResourceSet } from "../resource-set.js";
import { type Bench, config, createBench, refusal } from "../testing/bench.js";
import { createVirtualClock } from "../testing/virtual-clock.js";
import type { Camera } from "./camera.js";

const C = "camera/c";

interface Picture {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly rows: Buffer;
}

/** Reads back what a viewer would: signature, sizes, and the rows of palette indices. */
function decode(png: Uint8Array): Picture {
  const bytes = Buffer.from(png);
  assert.equal(bytes.subarray(1, 4).toString("latin1"), "PNG");
  const parts = new Map<string, Buffer>();
  for (let at = 8; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    parts.set(bytes.toString("latin1", at + 4, at + 8), bytes.subarray(at + 8, at + 8 + length));
    at += length + 12;
  }
  assert.deepEqual([...parts.keys()], ["IHDR", "PLTE", "IDAT", "IEND"]);
  const header = parts.get("IHDR")!;
  const rows = inflateSync(parts.get("IDAT")!);
  const [widthPx, heightPx] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  assert.equal(rows.length, (widthPx + 1) * heightPx);
  return { widthPx, heightPx, rows };
}

async function picture(bench: Bench): Promise<Picture> {
  // The encoder works on the thread pool, in real time: only the pacing is virtual.
  const answer = await bench.during(1000, bench.call(C, "GetImages"));
  const [image, ...more] = answer.images as { sourceName: string; mimeType: string; image: Uint8Array }[];
  assert.equal(more.length, 0);
  assert.deepEqual([image?.sourceName, image?.mimeType], ["color", "image/png"]);
  return decode(image!.image);
}

test("a picture is 640x480 and says when it was taken", async () => {
  const bench = await createBench([C]);
  const { widthPx, heightPx } = await picture(bench);
  assert.deepEqual([widthPx, heightPx], [640, 480]);
  const before = bench.clock.wall();
  const answer = await bench.during(0, bench.call(C, "GetImages"));
  const { capturedAt } = answer.responseMetadata as { capturedAt: { seconds: bigint; nanos: number } };
  assert.ok(Math.abs(Number(capturedAt.seconds) * 1000 + capturedAt.nanos / 1e6 - before) < 1);
});

test("the picture shows base, arm, gripper, servo and motor as they are now", async () => {
  const things = ["base/b", "arm/a", "gripper/g", "servo/s", "motor/m"];
  const bench = await createBench([C], ...things.map((thing) => [thing] as const));
  let last = await picture(bench);
  assert.deepEqual((await picture(bench)).rows, last.rows, "nothing moved, nothing changed");
  const moves: [string, string, Record<string, unknown>][] = [
    ["base/b", "MoveStraight", { distanceMm: 300n, mmPerSec: 300 }],
    ["base/b", "Spin", { angleDeg: 45, degsPerSec: 90 }],
    ["arm/a", "MoveToJointPositions", { positions: { values: [40] } }],
    ["gripper/g", "Grab", {}],
    ["servo/s", "Move", { angleDeg: 90 }],
    ["motor/m", "GoFor", { rpm: 60, revolutions: 0.25 }],
  ];
  for (const [resource, method, request] of moves) {
    await bench.during(3000, bench.call(resource, method, request));
    const now = await picture(bench);
    assert.notDeepEqual(now.rows, last.rows, `${resource} ${method} does not show`);
    last = now;
  }
});

test("watch limits what is drawn", async () => {
  const bench = await createBench([C, { watch: ["s"] }], ["servo/s"], ["motor/m"]);
  const first = await picture(bench);
  await bench.during(3000, bench.call("motor/m", "GoFor", { rpm: 60, revolutions: 0.25 }));
  assert.deepEqual((await picture(bench)).rows, first.rows);
  await bench.during(3000, bench.call("servo/s", "Move", { angleDeg: 90 }));
  assert.notDeepEqual((await picture(bench)).rows, first.rows);
});

test("stand-ins for other parts are drawn too", async () => {
  const clock = createVirtualClock();
  let angle = 0;
  const arm: Resource & Pictured = {
    name: "far",
    drives: [],
    doCommand: async () => ({}),
    async close() {},
    portrait: () => ({ kind: "arm", jointsDeg: [angle], linkMm: 200 }),
  };
  const deps = { components: await loadComponents(), clock, neighbours: () => [arm] };
  const camera = createResourceSet(deps, [config([C])])
    .all()
    [Symbol.iterator]()
    .next().value as Camera;
  const shoot = async () => {
    const images = camera.images([], {});
    await clock.advance(200);
    return decode((await images).images[0]!.data).rows;
  };
  const first = await shoot();
  angle = 90;
  assert.notDeepEqual(await shoot(), first);
});

test("who asks sooner than the frame rate allows waits, and all who wait get the same picture", async () => {
  const bench = await createBench([C, { frame_rate: 5 }]);
  const camera = bench.resource<Camera>(C);
  const first = await bench.during(0, camera.images([], {}));
  const [second, third] = [camera.images([], {}), camera.images([], {})];
  await bench.during(200, second);
  assert.equal((await second).capturedAtMs - first.capturedAtMs, 200);
  assert.equal((await third).images[0], (await second).images[0]);
});

test("a source name given twice is refused; properties say what there is", async () => {
  const bench = await createBench([C]);
  const twice = bench.call(C, "GetImages", { filterSourceNames: ["color", "color"] });
  await assert.rejects(twice, refusal("bad_request", /name twice/));
  const { supportsPcd, mimeTypes, frameRate } = await bench.call(C, "GetProperties");
  assert.deepEqual(
    { supportsPcd, mimeTypes, frameRate },
    { supportsPcd: false, mimeTypes: ["image/png"], frameRate: 10 },
  );
  await assert.rejects(bench.call(C, "GetPointCloud"), refusal("no_method", /GetPointCloud/));
});
