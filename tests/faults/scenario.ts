import type { Client, ClientKind } from "../rig/clients/index.js";
import type { PartName } from "../rig/robot.js";
import type { Stage } from "./stage.js";

/** What goes wrong. */
export type Victim = "client" | "gateway" | "agent" | "store" | "LAN" | "machine";
export type SessionKind = "explicit" | "implicit";
export type StoreKind = "memory" | "redis";

/** Who moves the robot while it goes wrong, and where its lease is. */
export interface Variant {
  readonly client: ClientKind;
  readonly session: SessionKind;
  readonly store: StoreKind;
}

/** By when a part's actuators must have got their stop, in ms after the fault. */
export interface Bound {
  /** What the product promises. */
  readonly promisedMs: number;
  /** What a run may take on a machine that does other things as well; above it the run fails. */
  readonly limitMs: number;
  /** Where the number comes from. */
  readonly reason: string;
}

export interface BoundContext {
  readonly windowMs: number;
  readonly quietLimitMs: number;
  readonly client: ClientKind;
  readonly session: SessionKind;
}

/** The scene of one run: the lost client moves the robot. */
export interface Scene extends Variant {
  readonly stage: Stage;
  readonly lost: Client;
  readonly windowMs: number;
  /** The whole id of its explicit session. */
  readonly sid: string | undefined;
  /** Runs when the scene is over, however it went: what a failed run leaves behind would spoil the next ones. */
  atEnd(undo: () => void | Promise<void>): void;
}

/** What an injected fault leaves to do. */
export interface Injury {
  /** CLOCK_MONOTONIC in ms of the moment before it. */
  readonly at: number;
  /** Once everything has stopped, before it is mended: what might move it again. @returns what went wrong */
  afterStop?(): Promise<readonly string[]>;
  /** Takes the fault back. The lost client itself is ended by the run. */
  mend?(): Promise<void>;
}

/** One row of the matrix: a fault, who is hit, and by when what must have stopped. */
export interface Scenario {
  readonly victim: Victim;
  readonly fault: string;
  readonly variants: readonly Variant[];
  /** Both parts with motions that end by themselves, or the base alone with one that does not. */
  readonly motion: "both" | "power";
  bound(part: PartName, context: BoundContext): Bound;
  /** Before anything is measured. */
  prepare?(scene: Scene): Promise<void>;
  /** Trouble in which the client's session has to live on for so long, before the fault itself. */
  readonly trouble?: {
    inflict(scene: Scene): Promise<void>;
    readonly windows: number;
    /** Nothing promises that it lives through it with such a window. */
    mayEnd?(windowMs: number): boolean;
  };
  inject(scene: Scene): Promise<Injury>;
  /** What a healthy client goes on using meanwhile, and must find unharmed. */
  readonly unharmed: { readonly motors: readonly PartName[]; readonly readings: boolean };
}

export const nameOf = (
  { victim, fault }: Pick<Scenario, "victim" | "fault">,
  { client, session, store }: Variant,
): string => `${victim}: ${fault} (${client}, ${session}, ${store})`;
