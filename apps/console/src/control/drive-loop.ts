import type { Clock, Timer } from "@vigil/shared";
import { within } from "../time/within.js";

/** Ten commands a second while held: a base that needs fresh commands gets them, and a lost one is made good in 0.1 s. */
const PERIOD_MS = 100;
/** A command unanswered this long means that the link is too slow to drive by; a second is what a person notices late. */
const ANSWER_LIMIT_MS = 1_000;

/** What the keys ask for: -1 to 1 each, left and forward positive as Viam has it. */
export interface Drive {
  forward: number;
  left: number;
}

/** A base as the loop needs it; Viam's BaseClient is one. */
export interface Drivable {
  setPower(linear: { x: number; y: number; z: number }, angular: { x: number; y: number; z: number }): Promise<void>;
  stop(): Promise<void>;
}

export interface DriveLoop {
  /** Drives so until told otherwise; zero both ways stops the base. */
  set(drive: Drive): void;
  /** Stops the base now, whatever is in flight. Safe to call at any time. */
  halt(): void;
}

export interface DriveLoopDeps {
  clock: Clock;
  base: Drivable;
  /** A command failed or went unanswered: the loop has halted. */
  onTrouble(why: string): void;
  /** The base's own stop failed: the last resort. */
  onStopFailed(): void;
}

/**
 * Repeats the newest drive command. At most one is in flight: on a slow link commands get fewer, never older. A halt
 * does not wait for it: the data channel keeps order, so the stop arrives last.
 */
export function createDriveLoop({ clock, base, onTrouble, onStopFailed }: DriveLoopDeps): DriveLoop {
  let drive: Drive = { forward: 0, left: 0 };
  let timer: Timer | undefined;
  let busy = false;

  function turn(): void {
    timer = clock.after(PERIOD_MS, turn);
    if (busy) return;
    busy = true;
    const command = base.setPower({ x: 0, y: drive.forward, z: 0 }, { x: 0, y: 0, z: drive.left });
    within(clock, ANSWER_LIMIT_MS, "driving", command)
      .catch((error: unknown) => {
        if (timer === undefined) return;
        halt();
        onTrouble(error instanceof Error ? error.message : String(error));
      })
      .finally(() => {
        busy = false;
      });
  }

  function halt(): void {
    timer?.cancel();
    timer = undefined;
    within(clock, ANSWER_LIMIT_MS, "stopping the base", base.stop()).catch(onStopFailed);
  }

  return {
    set(next) {
      drive = next;
      const wanted = next.forward !== 0 || next.left !== 0;
      if (!wanted && timer !== undefined) halt();
      if (wanted && timer === undefined) turn();
    },
    halt() {
      drive = { forward: 0, left: 0 };
      halt();
    },
  };
}
