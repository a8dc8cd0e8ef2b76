import assert from "node:assert/strict";
import { test } from "node:test";
import { describeFaults, faultError, isHealthy } from "./faults.js";

const none = { axis: 0, motor: 0, encoder: 0, controller: 0 };

test("errors are told by name and number, all of them", () => {
  const faults = { ...none, axis: 0x40 | 0x800, motor: 0x1008 };
  assert.equal(
    describeFaults(faults),
    "axis MOTOR_FAILED WATCHDOG_TIMER_EXPIRED (0x840), motor DRV_FAULT CURRENT_LIMIT_VIOLATION (0x1008)",
  );
  assert.match(faultError("m", faults, "does not move").message, /^the drive of "m" does not move: axis MOTOR_FAILED /);
  assert.equal(describeFaults(none), "");
  assert.equal(describeFaults({ ...none, encoder: 0x8000 }), "encoder (0x8000)");
});

test("a number that the protocol may have cut is not given names", () => {
  assert.equal(describeFaults({ ...none, motor: 107_374_182 }), "motor 107374182 (cut to nine digits; see odrivetool)");
  assert.equal(describeFaults({ ...none, motor: 0x8000000 }), "motor UNKNOWN_PHASE_VEL (0x8000000)");
});

test("an expired watchdog and a refused state are no defect", () => {
  assert.equal(isHealthy({ ...none, axis: 0x801 }), true);
  assert.equal(isHealthy({ ...none, axis: 0x1801 }), false);
  for (const part of ["motor", "encoder", "controller"]) assert.equal(isHealthy({ ...none, [part]: 1 }), false);
});
