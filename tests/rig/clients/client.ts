import type { Verbs } from "@vigil/viam-client";
import { within } from "../until.js";

/** A dial takes this long at most, in ms, an interpreter's start included: some SDKs wait for ever on a bad line. */
const DIAL_LIMIT_MS = 30_000;

/** @param perform a verb of the client's program */
export const createRedial =
  (
    perform: (verb: string, args: unknown[]) => Promise<unknown>,
    { way, url, host }: { readonly way: string; readonly url: string; readonly host: string },
  ): Client["redial"] =>
  () =>
    within(DIAL_LIMIT_MS, "no connection", perform("dial", [way, url, host])) as Promise<number>;

/** A client of the robot as a process that can be killed. */
export interface Client extends Verbs {
  readonly kind: ClientKind;
  /** The process whose death is the client's. */
  readonly pid: number;
  signal(signal: NodeJS.Signals): void;
  /** Dials the robot anew in the same process: what follows goes over the new connection. Answers the SDK's ms. */
  redial(): Promise<number>;
  /** A verb that only this kind of client has. */
  perform(verb: string, ...args: unknown[]): Promise<unknown>;
  /** SIGKILL; CLOCK_MONOTONIC in ms of the moment before it. What was asked of it rejects. */
  kill(): number;
  close(): Promise<void>;
}

export type ClientKind =
  | "ts-grpc"
  | "ts-webrtc"
  | "page-webrtc"
  | "page-grpc-web"
  | "py-grpc"
  | "py-webrtc"
  | "raw-grpc";

/** An error as the client's program met it. */
export class ClientError extends Error {
  readonly code: number | undefined;
  constructor(message: string, code?: number) {
    super(message);
    this.name = "ClientError";
    this.code = code;
  }
}

/** Makes the verbs out of one function that performs them elsewhere. */
export function createRemoteVerbs(perform: (verb: string, args: unknown[]) => Promise<unknown>): Verbs {
  const names: (keyof Verbs)[] = [
    "session",
    "names",
    "version",
    "status",
    "drive",
    "straight",
    "baseMoving",
    "stopBase",
    "moveArm",
    "joints",
    "stopArm",
    "readings",
    "picture",
    "stopAll",
    "operations",
    "unknownResource",
    "measure",
    "disconnect",
  ];
  return Object.fromEntries(
    names.map((name) => [name, (...args: unknown[]) => perform(name, args)]),
  ) as unknown as Verbs;
}
