import { createMemoryStore, type LeaseStore, type NewLease, type Renewal, type RenewalOutcome } from "@vigil/leases";
import { type Clock, createEmitter, every, VigilError } from "@vigil/shared";
import type { Network, Path } from "./network.js";
import type { Rng } from "./rng.js";
import type { SimProcess } from "./sim-process.js";

/**
 * A lease store of its own on the network, as Redis is: its own clock, which may step, and data that may be lost. The
 * data set is the real in-memory store; what Redis would add by its faults is added here.
 */
export interface SimStore {
  readonly process: SimProcess;
  /** Its wall clock, on which leases are counted, steps. */
  step(ms: number): void;
  /** Ends are not pushed to readers any more: pub/sub is cut. */
  isMute: boolean;
  /** Restarts from a snapshot or promotes a replica: another data set, with the sessions of some time ago in it. */
  replace(): void;
  /** Written as the gateway's client does: times converted with the last pair (rules.md, R2). */
  client(of: SimProcess): StoreClient;
}

export interface StoreClient extends LeaseStore {
  /** The connection breaks: what is under way fails, and the next thing asked is which data set this is. */
  drop(): void;
}

/** The command timeout of the store's clients, in ms. */
const COMMAND_TIMEOUT_MS = 250;
const RECONNECT_MS = 200;
const PROBE_MS = 1000;

export function createSimStore(rng: Rng, network: Network, process: SimProcess): SimStore {
  let stepMs = 0;
  const clock: Clock = { ...process.clock, now: () => process.clock.now() + stepMs };
  let store = createMemoryStore({ clock, random: rng });
  /** What was created lately: a snapshot brings it back. */
  let known: NewLease[] = [];
  const clients = new Set<{ reset(): void; ended(id: string): void }>();
  const watch = () =>
    store.onEnd((id) => {
      if (self.isMute) return;
      for (const client of clients) client.ended(id);
    });
  watch();

  const self: SimStore = {
    process,
    isMute: false,
    step(ms) {
      stepMs += ms;
    },
    replace() {
      const old = known;
      store = createMemoryStore({ clock, random: rng });
      watch();
      // The snapshot's leases stand in the new data set with time left: only the incarnation tells them apart.
      for (const lease of old) {
        store.create({ ...lease, signOfLifeAt: clock.now() }).catch(() => undefined);
      }
      for (const client of clients) client.reset();
    },
    client(of) {
      const to = () => network.ordered(of, process);
      const back = () => network.ordered(process, of);
      let paths: { to: Path; back: Path } | undefined;
      let incarnation: string | undefined;
      /** Store time and own time of the last reply. */
      let pair: { store: number; own: number } | undefined;
      let open = new Set<(error: VigilError) => void>();
      const events = createEmitter<{ end: string; incarnation: string | undefined }>();
      const away = () => new VigilError("store_unavailable", "the lease store does not answer");
      const { life } = of;

      function connect(): void {
        if (of.life !== life) return;
        paths = { to: to(), back: back() };
        call(async () => store.incarnation).then(
          (found) => {
            if (found === incarnation || of.life !== life) return;
            incarnation = found;
            events.emit("incarnation", incarnation);
          },
          () => client.drop(),
        );
      }

      /** One command, answered in order on its connection or not at all. */
      function call<T>(run: (at: LeaseStore) => Promise<T>): Promise<T> {
        const { clock: own } = of;
        return new Promise<T>((resolve, reject) => {
          if (!paths) return reject(away());
          const { back: answerPath } = paths;
          const fail = (error: VigilError) => {
            open.delete(fail);
            timer.cancel();
            reject(error);
          };
          const timer = own.after(COMMAND_TIMEOUT_MS, () => {
            fail(away());
            client.drop();
          });
          open.add(fail);
          paths.to.send(() => {
            /** Every reply carries the store's time, a refusal too. */
            const reply = (settle: () => void) => {
              const storeTime = clock.now();
              answerPath.send(() => {
                if (of.life !== life || !open.has(fail)) return;
                pair = { store: storeTime, own: own.now() };
                settle();
              });
            };
            run(store).then(
              (value) =>
                reply(() => {
                  open.delete(fail);
                  timer.cancel();
                  resolve(value);
                }),
              (error) => reply(() => fail(VigilError.from(error))),
            );
          });
        });
      }

      const converted = <T extends Renewal | NewLease>(request: T): T => {
        if (!pair) throw away();
        return { ...request, signOfLifeAt: pair.store + (request.signOfLifeAt - pair.own) };
      };
      const mustBeOpen = () => {
        if (incarnation === undefined) throw away();
      };

      const client: StoreClient = {
        get incarnation() {
          return incarnation;
        },
        onIncarnation: (listener) => events.on("incarnation", listener),
        onEnd: (listener) => events.on("end", listener),
        async create(lease) {
          mustBeOpen();
          const asked = converted(lease);
          known = [...known.slice(-20), lease];
          return call((at) => at.create(asked));
        },
        async renew(renewals): Promise<readonly RenewalOutcome[]> {
          mustBeOpen();
          const asked = renewals.map(converted);
          return call((at) => at.renew(asked));
        },
        async end(id) {
          mustBeOpen();
          return call((at) => at.end(id));
        },
        async read(ids) {
          mustBeOpen();
          return call((at) => at.read(ids));
        },
        async close() {
          paths = undefined;
        },
        drop() {
          if (!paths) return;
          paths.to.close();
          paths.back.close();
          paths = undefined;
          const failing = open;
          open = new Set();
          for (const fail of failing) fail(away());
          if (incarnation !== undefined) events.emit("incarnation", undefined);
          of.clock.after(RECONNECT_MS, connect);
        },
      };
      clients.add({
        reset: () => of.life === life && of.receive(() => client.drop()),
        ended(id) {
          if (of.life === life) paths?.back.send(() => of.life === life && events.emit("end", id));
        },
      });
      // An idle connection asks too: the pair must not grow old.
      every(of.clock, PROBE_MS, () => {
        if (paths) call(async () => store.incarnation).catch(() => undefined);
      });
      connect();
      return client;
    },
  };
  return self;
}
