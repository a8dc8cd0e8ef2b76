import { VigilError } from "@vigil/shared";
import { MAX_ID_LENGTH, MAX_QUESTION_IDS, type NewLease, type Renewal } from "./lease-store.js";

/** The distances of a renewal in the order that every lease keeps: quiet <= move <= known. In ms. */
export interface LeaseSpans {
  readonly moveForMs: number;
  readonly quietForMs: number;
  readonly knownForMs: number;
}

/**
 * Checks what a caller asks to write and puts its three distances in order, downwards.
 * @throws VigilError("bad_request")
 */
export function checkedSpans(request: Renewal | NewLease): LeaseSpans {
  checkId(request.id);
  checkNumber("signOfLifeAt", request.signOfLifeAt);
  checkNumber("moveForMs", request.moveForMs);
  checkNumber("quietForMs", request.quietForMs);
  checkNumber("knownForMs", request.knownForMs);
  const moveForMs = Math.min(request.moveForMs, request.knownForMs);
  return { moveForMs, quietForMs: Math.min(request.quietForMs, moveForMs), knownForMs: request.knownForMs };
}

/** @throws VigilError("bad_request") */
export function checkWindow(windowMs: number): void {
  checkNumber("windowMs", windowMs);
  if (windowMs <= 0) throw new VigilError("bad_request", `windowMs is ${windowMs}: give a window above 0 ms`);
}

/** @throws VigilError("bad_request") */
export function checkQuestion(ids: readonly string[]): void {
  if (ids.length > MAX_QUESTION_IDS) {
    throw new VigilError("bad_request", `${ids.length} ids in one question: ask for at most ${MAX_QUESTION_IDS}`);
  }
  for (const id of ids) checkId(id);
}

/** @throws VigilError("bad_request") */
export function checkId(id: string): void {
  if (typeof id !== "string" || id.length === 0 || id.length > MAX_ID_LENGTH) {
    throw new VigilError("bad_request", `a session id has 1 to ${MAX_ID_LENGTH} characters`);
  }
}

/** The error of `create` for an id that has a lease. */
export function alreadyThere(): VigilError {
  return new VigilError("bad_request", "this session id has a lease already: make a new random id for each session");
}

/** The error of `create` for instants that the store refused. */
export function notCreated(outcome: "past" | "beyond"): VigilError {
  return new VigilError(
    "store_unavailable",
    outcome === "past"
      ? "the lease store took the request too late: start the session again"
      : "the clocks of gateway and lease store disagree: start the session again",
  );
}

function checkNumber(name: string, value: number): void {
  if (!Number.isFinite(value)) throw new VigilError("bad_request", `${name} is ${value}: give a finite number`);
}
