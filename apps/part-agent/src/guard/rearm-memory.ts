import { mkdir, open, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { RearmReason } from "@vigil/safety";
import { type Clock, type Logger, type Timer, VigilError } from "@vigil/shared";

/**
 * What waits for a person, kept across the end of the process: one file for each resource, whose being there is all that
 * counts, so that none can be half written and the sentinel can add one without the agent.
 */
export interface RearmMemory {
  /** What waits since before this start, by the key of its resource. */
  readonly recalled: ReadonlyMap<string, RearmReason>;
  /**
   * The resources wait for a person. Resolves when that is on the disk, or could not be brought there in time (`withinMs`,
   * and {@link DISK_LIMIT_MS} at most), which is logged: a disk that hangs must not keep an acknowledged stop from counting.
   */
  remember(keys: readonly string[], reason: RearmReason, withinMs?: number): Promise<void>;
  /** A person has re-armed them. */
  forget(keys: readonly string[]): void;
  /** Whatever moved is stopped and the part ends: the next start need not suspect anything. Never rejects. */
  endWell(): Promise<void>;
  /** The file that the sentinel makes when it cuts the resource's line; undefined: nothing is remembered. */
  fileOf(key: string): string | undefined;
}

export interface RearmMemoryDeps {
  readonly clock: Pick<Clock, "after">;
  readonly log: Logger;
}

export interface RearmMemoryOptions {
  /** Of this part alone; undefined: nothing outlives the process. */
  readonly directory: string | undefined;
  /** Keys of the resources, and whether a lost session is enough to make them wait. */
  readonly resources: readonly { readonly key: string; readonly rearm: "auto" | "manual"; readonly hasLine: boolean }[];
}

/**
 * What the disk may take before a start goes on, or a stop counts, all the same, in ms: a quarter of the default
 * `stop_timeout`.
 */
const DISK_LIMIT_MS = 250;
/** There while the part runs: found at a start, it says that the part ended without having stopped anything. */
const RUNNING = "running";
const SUFFIX = ".waits";
const REASONS: readonly RearmReason[] = ["loss", "e_stop", "restart"];
const isReason = (text: string): text is RearmReason => REASONS.some((reason) => reason === text);

export async function createRearmMemory(
  { clock, log }: RearmMemoryDeps,
  { directory, resources }: RearmMemoryOptions,
): Promise<RearmMemory> {
  const waiting = new Map<string, RearmReason>();
  const stored = new Map<string, RearmReason>();
  const concerned = resources.filter(({ rearm, hasLine }) => rearm === "manual" || hasLine);
  const fileOf = (key: string) =>
    directory === undefined ? undefined : join(directory, `${encodeURIComponent(key)}${SUFFIX}`);
  let begun: Promise<void> | undefined;
  let work: Promise<void> | undefined;

  function fail(error: unknown): void {
    log.error(
      { directory, error: VigilError.from(error).message },
      "what waits to be re-armed cannot be remembered: a restart of this part would forget it; make the folder writable or set state_directory",
    );
  }

  /** Brings the folder to what is wanted, however much changes meanwhile. */
  async function bring(): Promise<void> {
    try {
      // All that one turn stops goes to the disk at once, and only after the folder is made.
      await begun;
      for (;;) {
        const added = [...waiting].filter(([key, reason]) => stored.get(key) !== reason);
        const removed = [...stored.keys()].filter((key) => !waiting.has(key));
        if (added.length + removed.length === 0) return;
        await Promise.all([
          ...added.map(([key, reason]) => writeThrough(fileOf(key)!, reason)),
          ...removed.map((key) => rm(fileOf(key)!, { force: true })),
        ]);
        await syncFolder(directory!);
        for (const [key, reason] of added) stored.set(key, reason);
        for (const key of removed) stored.delete(key);
      }
    } finally {
      // In the turn that found nothing left to do: what changes after that begins anew.
      work = undefined;
    }
  }
  function save(): Promise<void> {
    if (directory === undefined) return Promise.resolve();
    work ??= bring().catch(fail);
    return work;
  }

  /** True: the last process of this part ended without having stopped its actuators. */
  async function recall(folder: string): Promise<boolean> {
    // A folder that is not there has never held anything.
    const names = await readdir(folder).catch((error: NodeJS.ErrnoException): string[] => {
      if (error.code === "ENOENT") return [];
      throw error;
    });
    const known = new Set(resources.map(({ key }) => key));
    for (const name of names) {
      if (!name.endsWith(SUFFIX)) continue;
      const key = decodeURIComponent(name.slice(0, -SUFFIX.length));
      if (!known.has(key)) {
        log.warn(
          { resource: key, file: join(folder, name) },
          "it waited to be re-armed and is not configured any more",
        );
        continue;
      }
      // Unreadable, empty or cut short, it counts as the worst that it can mean.
      const text = await readFile(join(folder, name), "utf8").catch(() => "");
      const reason = isReason(text) ? text : "e_stop";
      waiting.set(key, reason);
      stored.set(key, reason);
    }
    return names.includes(RUNNING);
  }
  async function begin(folder: string): Promise<void> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeThrough(join(folder, RUNNING), "");
    await syncFolder(folder);
  }
  function suspect(which: (resource: (typeof concerned)[number]) => boolean): void {
    for (const resource of concerned) {
      if (which(resource) && !waiting.has(resource.key)) waiting.set(resource.key, "restart");
    }
  }

  if (directory === undefined) {
    if (concerned.length > 0) fail(new VigilError("bad_request", "there is no folder for it"));
  } else {
    try {
      if (await inTime(clock, recall(directory))) suspect(({ rearm }) => rearm === "manual");
    } catch (error) {
      fail(error);
      // It may say that a line was cut.
      suspect(() => true);
    }
    if (concerned.length > 0) begun = begin(directory).catch(fail);
    void save();
  }
  const recalled = new Map(waiting);

  return {
    recalled,
    fileOf,
    async remember(keys, reason, withinMs = DISK_LIMIT_MS) {
      for (const key of keys) waiting.set(key, waiting.get(key) === "e_stop" ? "e_stop" : reason);
      if (directory === undefined || keys.every((key) => stored.get(key) === waiting.get(key))) return;
      await inTime(clock, save(), Math.min(withinMs, DISK_LIMIT_MS)).catch(() =>
        log.warn({ keys, directory }, "the disk is slow: a stop counts before it is remembered"),
      );
    },
    forget(keys) {
      for (const key of keys) waiting.delete(key);
      void save();
    },
    async endWell() {
      if (directory === undefined) return;
      const ended = save().then(() => rm(join(directory, RUNNING), { force: true }));
      await inTime(clock, ended).catch(fail);
    },
  };
}

/** Rejects when the disk takes longer. */
async function inTime<T>(clock: Pick<Clock, "after">, work: Promise<T>, limitMs = DISK_LIMIT_MS): Promise<T> {
  let timer: Timer | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = clock.after(limitMs, () => reject(new Error(`the disk took longer than ${limitMs} ms`)));
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    timer?.cancel();
  }
}

/** Survives a power cut once it has returned. */
async function writeThrough(path: string, text: string): Promise<void> {
  const file = await open(path, "w", 0o600);
  try {
    await file.writeFile(text);
    await file.datasync();
  } finally {
    await file.close();
  }
}

async function syncFolder(directory: string): Promise<void> {
  const folder = await open(directory, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
