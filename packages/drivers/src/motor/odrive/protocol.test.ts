import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  axisCommands,
  decodeLine,
  emergencyLines,
  encodeLine,
  parseFeedback,
  parseNumber,
  VOID_LINE,
} from "./protocol.js";

test("the checksum is the one that the drive's documentation gives as an example", () => {
  assert.equal(encodeLine("r vbus_voltage "), "r vbus_voltage *93\n");
});

test("a reply is read only with its own checksum", () => {
  assert.equal(decodeLine("24.087744*32"), "24.087744");
  assert.equal(decodeLine("24.087744*33"), undefined);
  assert.equal(decodeLine("24.087744"), undefined);
  assert.equal(decodeLine("*0"), "");
});

test("one damaged character of a line is always found", () => {
  const text = fc.stringMatching(/^[a-z0-9 ._-]{1,40}$/);
  fc.assert(
    fc.property(text, fc.nat(), fc.integer({ min: 1, max: 255 }), (command, at, change) => {
      const index = at % command.length;
      const damaged = String.fromCharCode(command.charCodeAt(index) ^ change);
      fc.pre(damaged !== "*");
      const line = encodeLine(command).trimEnd();
      assert.equal(decodeLine(line), command);
      assert.notEqual(decodeLine(line.slice(0, index) + damaged + line.slice(index + 1)), command);
    }),
  );
});

/** What the firmware makes of a line: undefined when it drops it. */
function obeyed(line: string): string | undefined {
  const star = line.indexOf("*");
  if (star < 0) return line;
  const command = line.slice(0, star);
  const given = /^\s*(\d+)/.exec(line.slice(star + 1));
  const sum = [...command].reduce((all, char) => all ^ char.charCodeAt(0), 0);
  return given && Number(given[1]) === sum ? command : undefined;
}

test("no part of a line survives the line that voids it", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z0-9 ._-]{0,40}$/), fc.nat(), fc.boolean(), (command, length, checked) => {
      const whole = checked ? encodeLine(command).trimEnd() : command;
      const part = whole.slice(0, length % (whole.length + 1));
      assert.equal(obeyed((part + VOID_LINE).trimEnd()), undefined);
    }),
  );
});

test("numbers are written as plain decimals", () => {
  const { velocity } = axisCommands(1);
  assert.deepEqual(velocity(1.5, false), ["v 1 1.5"]);
  assert.deepEqual(velocity(-2, false), ["v 1 -2"]);
  assert.deepEqual(velocity(1e-9, false), ["v 1 0"]);
  assert.deepEqual(velocity(-1e-9, false), ["v 1 0"]);
  assert.deepEqual(velocity(1 / 3, false), ["v 1 0.333333"]);
  assert.deepEqual(velocity(100, false), ["v 1 100"]);
});

test("leaving a trajectory commands the velocity last", () => {
  assert.deepEqual(axisCommands(0).velocity(2, true), ["v 0 0", "w axis0.controller.config.input_mode 1", "v 0 2"]);
});

test("the emergency stop voids a begun line, brakes and takes the power away", () => {
  assert.equal(emergencyLines(1), "999*999\nv 1 0\nw axis1.requested_state 1\n");
});

test("replies are read strictly", () => {
  assert.deepEqual(parseFeedback("1.250000 -0.500000"), { turns: 1.25, turnsPerSecond: -0.5 });
  for (const reply of ["1.25", "1 2 3", "nan 0", "", "invalid property"]) assert.equal(parseFeedback(reply), undefined);
  assert.equal(parseNumber("8"), 8);
  assert.equal(parseNumber("24.08774"), 24.08774);
  for (const reply of ["", "inf", "1 2", "not implemented", "0x8"]) assert.equal(parseNumber(reply), undefined);
});
