import assert from "node:assert/strict";
import { closeSync, openSync } from "node:fs";
import { test } from "node:test";
import {
  encodeLineRequest,
  encodeLineValues,
  GPIO_V2_GET_LINE,
  GPIO_V2_LINE_SET_VALUES,
  lineHandleOf,
  loadIoctl,
} from "./gpio-abi.js";

// Sizes, offsets and numbers as a C compiler gives them for include/uapi/linux/gpio.h on x86-64 and arm64.

/** Where a request differs from zero, as 32-bit words in the machine's order. */
function words(bytes: Uint8Array): Record<number, number> {
  const view = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  return Object.fromEntries([...view].flatMap((word, index) => (word === 0 ? [] : [[index * 4, word]])));
}

test("the requests have the numbers of the kernel's interface", () => {
  assert.equal(GPIO_V2_GET_LINE, 0xc250b407);
  assert.equal(GPIO_V2_LINE_SET_VALUES, 0xc010b40f);
});

test("a request for a line is struct gpio_v2_line_request: output, its first value, one line", () => {
  const bytes = encodeLineRequest(17, false, true);
  assert.equal(bytes.length, 592);
  const [vigi, l] = new Uint32Array(new TextEncoder().encode("vigil\0\0\0").buffer);
  const common = { 0: 17, 256: vigi, 260: l, 296: 1, 320: 2, 336: 1, 560: 1 };
  assert.deepEqual(words(bytes), { ...common, 288: 8, 328: 1 });
  assert.deepEqual(words(encodeLineRequest(17, true, true)), { ...common, 288: 8 | 2, 328: 1 }, "active low");
  assert.deepEqual(words(encodeLineRequest(17, false, false)), { ...common, 288: 8 }, "inactive from the start");
  assert.deepEqual(words(encodeLineRequest(0, false, false))[0], undefined);
});

test("the handle is where the kernel puts it, also as part of a larger buffer", () => {
  const larger = new Uint8Array(600);
  const bytes = larger.subarray(8);
  new Int32Array(larger.buffer, 8 + 588, 1)[0] = 42;
  assert.equal(lineHandleOf(bytes), 42);
});

test("the values of a line are struct gpio_v2_line_values: its bit under its mask", () => {
  assert.deepEqual(words(encodeLineValues(true)), { 0: 1, 8: 1 });
  assert.deepEqual(words(encodeLineValues(false)), { 8: 1 });
  assert.equal(encodeLineValues(true).length, 16);
});

test("the C library's ioctl tells the kernel's error by its name", async () => {
  const ioctl = await loadIoctl();
  const fd = openSync("/dev/null", "r+");
  try {
    assert.equal(ioctl(fd, GPIO_V2_GET_LINE, encodeLineRequest(17, false, true)), "ENOTTY");
  } finally {
    closeSync(fd);
  }
  assert.equal(ioctl(fd, GPIO_V2_LINE_SET_VALUES, encodeLineValues(false)), "EBADF");
});

test("an ioctl that fills its argument in is read back", async () => {
  // FIONREAD on a pipe's end: how many bytes wait.
  const ioctl = await loadIoctl();
  const { spawnSync } = await import("node:child_process");
  const { mkdtempSync, rmSync, writeSync } = await import("node:fs");
  const { tmpdir } = await import("node:os");
  const { join } = await import("node:path");
  const directory = mkdtempSync(join(tmpdir(), "vigil-ioctl-"));
  try {
    const path = join(directory, "pipe");
    assert.equal(spawnSync("mkfifo", [path]).status, 0);
    const fd = openSync(path, "r+");
    writeSync(fd, "12345");
    const answer = new Uint8Array(4);
    assert.equal(ioctl(fd, 0x541b, answer), 0);
    assert.equal(new Int32Array(answer.buffer)[0], 5);
    closeSync(fd);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
