import assert from "node:assert/strict";
import { closeSync, fstatSync, openSync } from "node:fs";
import { test } from "node:test";
import { createVirtualClock } from "@vigil/leases/testing";
import { createLogger, VigilError } from "@vigil/shared";
import { GPIO_V2_GET_LINE, GPIO_V2_LINE_SET_VALUES, type Ioctl, loadIoctl } from "../sentinel/gpio-abi.js";
import { createOutputLines, requestLine } from "./output-lines.js";

const LINE = { chip: "/dev/null", line: 17, activeLow: false };
const OTHER = { ...LINE, line: 18 };

/** A chip that is no more than what the kernel would be asked: handles are real, so that closing them shows. */
function createChip(refuse: (line: number) => 0 | string = () => 0) {
  const calls: string[] = [];
  const handles = new Map<number, number>();
  const ioctl: Ioctl = (fd, request, argument) => {
    const word = (at: number) => new DataView(argument.buffer, argument.byteOffset).getUint32(at, true);
    if (request === GPIO_V2_GET_LINE) {
      const line = word(0);
      calls.push(`request ${line} ${word(328) === 1 ? "active" : "inactive"}`);
      const refused = refuse(line);
      if (refused !== 0) return refused;
      const handle = openSync("/dev/null", "r+");
      handles.set(handle, line);
      new DataView(argument.buffer, argument.byteOffset).setInt32(588, handle, true);
      return 0;
    }
    assert.equal(request, GPIO_V2_LINE_SET_VALUES);
    calls.push(`set ${handles.get(fd)} ${word(0) === 1 ? "active" : "inactive"}`);
    return 0;
  };
  return { ioctl, calls, handles };
}

function hold(chip: ReturnType<typeof createChip>, wanted: Parameters<typeof createOutputLines>[1]) {
  const clock = createVirtualClock();
  const times: number[] = [];
  const logged: string[] = [];
  const log = createLogger({ destination: { write: (line: string) => void logged.push(line) } });
  const deps = { clock, log, ioctl: chip.ioctl, acquired: () => void times.push(1) };
  return { clock, lines: createOutputLines(deps, wanted), logged, acquired: () => times.length };
}

test("lines are held from the start, each once, and inactive until they are made active", () => {
  const chip = createChip();
  const { lines } = hold(chip, [LINE, OTHER, LINE]);
  assert.deepEqual(chip.calls.splice(0), ["request 17 inactive", "request 18 inactive"]);
  assert.deepEqual(
    lines.held().map(({ line }) => line),
    [17, 18],
  );
  lines.cut(LINE);
  lines.restore(OTHER);
  assert.deepEqual(chip.calls, ["set 17 inactive", "set 18 active"]);
  assert.throws(() => lines.cut({ ...LINE, line: 3 }), /not one of this part's lines/);
  const handles = [...chip.handles.keys()];
  lines.close();
  for (const fd of handles) assert.throws(() => fstatSync(fd), /EBADF/, "freed with the part");
});

test("a line that another process holds is asked for until it is free, and then told of", () => {
  let busy = true;
  const chip = createChip(() => (busy ? "EBUSY" : 0));
  const { clock, lines, logged, acquired } = hold(chip, [LINE]);
  assert.match(lines.missing()[0] ?? "", /line 17 of \/dev\/null cannot be held: EBUSY, another process/);
  clock.advance(1000);
  assert.equal(logged.length, 1, "said once");
  assert.equal(acquired(), 0);
  busy = false;
  clock.advance(100);
  assert.deepEqual([lines.missing(), lines.held().length, acquired()], [[], 1, 1]);
  const asked = chip.calls.length;
  clock.advance(5000);
  assert.equal(chip.calls.length, asked);
  lines.close();
});

test("a line that is set before it could be held is asked for with that value, now and later", () => {
  let busy = true;
  const chip = createChip(() => (busy ? "EBUSY" : 0));
  const { clock, lines } = hold(chip, [LINE]);
  assert.throws(() => lines.restore(LINE), /EBUSY/);
  assert.equal(chip.calls.at(-1), "request 17 active");
  assert.throws(() => lines.cut(LINE), /EBUSY/);
  assert.equal(chip.calls.at(-1), "request 17 inactive");
  assert.throws(() => lines.restore(LINE), /EBUSY/);
  busy = false;
  clock.advance(100);
  assert.equal(chip.calls.at(-1), "request 17 active");
  lines.close();
});

test("what is wrong with a chip is said in words that tell how to mend it", async () => {
  const ioctl = await loadIoctl();
  const problemOf = (chip: string) => {
    try {
      return closeSync(requestLine(ioctl, { ...LINE, chip }, true));
    } catch (error) {
      assert.ok(error instanceof VigilError && error.reason === "driver");
      return error.message;
    }
  };
  assert.equal(
    problemOf("/dev/null"),
    "line 17 of /dev/null cannot be held: ENOTTY, it is no GPIO chip; gpiodetect lists the chips",
  );
  assert.match(problemOf("/dev/gpiochip-that-is-not-there") ?? "", /ENOENT, there is no such device/);
});
