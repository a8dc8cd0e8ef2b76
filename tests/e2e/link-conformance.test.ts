import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type ControlMessage, decodeControl, encodeControl } from "@vigil/links";
import { linkFrames } from "@vigil/links/testing";
import { type CallHandler, createMetadata, type Status } from "@vigil/protocol";
import { LIMIT } from "../rig/limit.js";
import { type Carrier, type Change, type LinkBench, startLinkBench } from "../rig/link-bench.js";
import { monotonicMs, until } from "../rig/until.js";

/** One call that sends messages and collects what comes back. */
function call(handler: CallHandler, messages: readonly Uint8Array[], end = true) {
  const got: { messages: Buffer[]; status: Status | undefined } = { messages: [], status: undefined };
  const done = new Promise<void>((resolve) => {
    const sink = handler(
      { method: "/a.B/C", metadata: createMetadata({}), timeoutMs: undefined },
      {
        headers() {},
        message: (bytes) => got.messages.push(Buffer.from(bytes)),
        trailers(status) {
          got.status = status;
          resolve();
        },
      },
    );
    for (const message of messages) sink.message(message);
    if (end) sink.end();
  });
  return Object.assign(got, { done });
}

const numbered = (count: number) =>
  Array.from({ length: count }, (_, index) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(index);
    return bytes;
  });

const large = (bytes: number) => Buffer.alloc(bytes, "all the bytes of a picture");

/** Frames of the control path that one side says another way. */
const rewritten =
  (rewrite: (message: ControlMessage) => ControlMessage): Change =>
  (bytes, _way, path) => {
    const message = path === "/parts" ? decodeControl(bytes) : undefined;
    return [message ? Buffer.from(encodeControl(rewrite(message))) : bytes];
  };

const speaking = (protocol: string, side: "hello" | "challenge") =>
  rewritten((message) =>
    message.case === side
      ? ({ case: side, value: { ...message.value, protocol } } as unknown as ControlMessage)
      : message,
  );

for (const carrier of ["webrtc", "websocket"] as const satisfies readonly Carrier[]) {
  /** What every carrier of a link must hold, on real sockets, with both ends as they are in a robot. */
  describe(`a link over ${carrier}`, () => {
    const holds = (what: string, hold: (bench: LinkBench) => Promise<void>, windowMs?: number) =>
      test(what, LIMIT, async () => {
        const bench = await startLinkBench(carrier, windowMs);
        try {
          await hold(bench);
        } finally {
          await bench.close();
        }
      });

    holds("it opens, calls go both ways, and its close is told as one on either side", async (bench) => {
      const part = bench.part();
      const link = await bench.up();
      assert.equal(link.carrier, carrier);
      for (const handler of [link.call, part.link.call]) {
        const answered = call(handler, [Buffer.of(1, 2, 3)]);
        await answered.done;
        assert.deepEqual(answered.messages, [Buffer.of(1, 2, 3)]);
        assert.equal(answered.status?.code, 0);
      }
      const [open, back] = [call(link.call, [Buffer.of(9)], false), call(part.link.call, [Buffer.of(9)], false)];
      await until("both are being answered", () => open.messages.length + back.messages.length === 2);
      part.close();
      await Promise.all([open.done, back.done]);
      assert.equal(open.status?.code, 14);
      assert.equal(back.status?.code, 14);
      await until("the gateway knows", () => bench.downs.length === 1);
      assert.deepEqual(bench.downs, [{ part: "arm", cause: "closed" }]);
      assert.equal(call(link.call, []).status?.code, 14, "what comes later is refused at once");
    });

    holds("messages keep their order, in both directions at once and beside large ones", async (bench) => {
      const part = bench.part();
      const link = await bench.up();
      const sent = numbered(500);
      const pictures = [call(link.call, [large(2 ** 21)]), call(part.link.call, [large(2 ** 21)])];
      const streams = [call(link.call, sent), call(part.link.call, sent), call(link.call, sent)];
      await Promise.all([...pictures, ...streams].map(({ done }) => done));
      for (const stream of streams) assert.deepEqual(stream.messages, sent);
      for (const picture of pictures) assert.equal(picture.messages[0]?.equals(large(2 ** 21)), true);
    });

    holds("a picture of 8 MiB arrives whole", async (bench) => {
      bench.part();
      const link = await bench.up();
      const picture = large(2 ** 23);
      const answered = call(link.call, [picture]);
      await answered.done;
      assert.equal(answered.status?.code, 0, `${answered.status?.message}; ${JSON.stringify(bench.downs)}`);
      assert.equal(answered.messages[0]?.equals(picture), true);
    });

    holds("a small call overtakes a large one", async (bench) => {
      const part = bench.part();
      const link = await bench.up();
      const order: string[] = [];
      const calls = [link.call, part.link.call].flatMap((handler) => {
        const [picture, command] = [call(handler, [large(2 ** 23)]), call(handler, [Buffer.of(1)])];
        return [picture.done.then(() => order.push("large")), command.done.then(() => order.push("small"))];
      });
      await Promise.all(calls);
      assert.deepEqual(order, ["small", "small", "large", "large"]);
    });

    holds("who is further behind than may be held is cut, and links anew", async (bench) => {
      const part = bench.part();
      const link = await bench.up();
      // In one turn: nobody can read meanwhile, and more than 64 MiB may not wait.
      const calls = Array.from({ length: 4 }, () => call(link.call, [large(2 ** 25 - 64)]));
      await until("the link is cut", () => bench.downs.length === 1);
      await Promise.all(calls.map(({ done }) => done));
      assert.ok(calls.every(({ status }) => status?.code === 14));
      const next = await bench.up();
      assert.notEqual(next, link);
      assert.equal(part.losses, 1);
      const answered = call(next.call, [Buffer.of(1)]);
      await answered.done;
      assert.equal(answered.status?.code, 0);
    });

    holds(
      "challenges are answered, ten a window, and dated at their sending",
      async (bench) => {
        const part = bench.part();
        const link = await bench.up();
        const from = part.alive.length;
        const startedAt = monotonicMs();
        await until("forty answers", () => part.alive.length >= from + 40);
        // A window of 200 ms: 20 ms each, where a second's worth would be ten.
        assert.ok(monotonicMs() - startedAt < 3800, "faster than ten a second");
        const dates = part.alive.slice(from);
        assert.deepEqual(
          [...dates].sort((a, b) => a - b),
          dates,
        );
        assert.ok(dates.every((at) => at <= monotonicMs()));
        assert.ok(link.roundTripMs !== undefined);
        assert.deepEqual(bench.downs, []);
      },
      200,
    );

    holds("a part that stands still is silent, one whose process ends has closed", async (bench) => {
      const frozen = bench.partProcess();
      await bench.up();
      frozen.kill("SIGSTOP");
      await until("its silence is noticed", () => bench.downs.length === 1);
      assert.equal(bench.downs[0]?.cause, "silent");
      frozen.kill("SIGKILL");
      await once(frozen, "exit");
      const killed = bench.partProcess();
      await bench.up();
      killed.kill("SIGKILL");
      await until("its end is noticed", () => bench.downs.length === 2);
      assert.equal(bench.downs[1]?.cause, "closed");
    });

    holds("a gateway that stood still itself does not take its part for silent", async (bench) => {
      bench.partProcess();
      const link = await bench.up();
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500);
      const answered = call(link.call, [Buffer.of(1)]);
      await answered.done;
      await sleep(300);
      assert.equal(answered.status?.code, 0, answered.status?.message);
      assert.deepEqual(bench.downs, []);
    });

    holds("a part comes back whenever its gateway has closed the link", async (bench) => {
      const part = bench.part();
      for (let round = 1; round <= 3; round += 1) {
        const link = await bench.up();
        link.close("shutdown", "for the test");
        await until("the part has lost it", () => part.losses === round);
      }
      const answered = call((await bench.up()).call, [Buffer.of(1)]);
      await answered.done;
      assert.equal(answered.status?.code, 0);
    });

    holds("strangers with junk are refused, and no link notices", async (bench) => {
      const part = bench.part();
      const link = await bench.up();
      for (const bytes of linkFrames()) {
        for (const path of ["/parts", "/parts/data", "/parts/data?token=guess"]) {
          const stranger = await bench.stranger(path).catch(() => undefined);
          stranger?.send(bytes);
          stranger?.send("text");
          setTimeout(() => stranger?.terminate(), 50);
        }
      }
      await sleep(100);
      const answered = call(link.call, [Buffer.of(1)]);
      await answered.done;
      assert.equal(answered.status?.code, 0);
      assert.deepEqual([bench.downs, part.losses], [[], 0]);
    });

    holds("junk on an established path costs at most that link, and it comes back", async (bench) => {
      const junk = linkFrames().map((bytes) => Buffer.from(bytes));
      let isHostile = false;
      const url = await bench.tampered((bytes) => {
        const next = isHostile && bench.links.get("arm")?.isUp ? junk.pop() : undefined;
        return next ? [next, bytes] : [bytes];
      });
      bench.part({ url });
      bench.part({ name: "base" });
      const [, other] = [await bench.up(), await bench.up("base")];
      isHostile = true;
      await until("all of it has gone in", () => junk.length === 0);
      const answered = call((await bench.up()).call, [Buffer.of(1)]);
      await answered.done;
      assert.equal(answered.status?.code, 0, answered.status?.message);
      assert.equal(bench.links.get("base"), other);
      assert.ok(bench.downs.every(({ part }) => part === "arm"));
    });

    holds("a part with a wrong secret is told, and its name stays free for the right one", async (bench) => {
      const wrong = bench.part({ secret: "another secret of some length" });
      await until("it is refused", () => bench.refusals.length > 0);
      assert.match(bench.refusals[0]!, /arm.*"secret"/);
      assert.match(wrong.log.join(), /compare .*secret.* in both files/);
      assert.equal(bench.links.get("arm"), undefined);
      wrong.close();
      bench.part();
      await bench.up();
    });

    for (const side of ["hello", "challenge"] as const) {
      const who = side === "hello" ? "part" : "gateway";

      holds(`with a ${who} of the next minor version it works`, async (bench) => {
        bench.part({ url: await bench.tampered(speaking("1.1", side)) });
        const answered = call((await bench.up()).call, [Buffer.of(1)]);
        await answered.done;
        assert.equal(answered.status?.code, 0);
      });

      for (const version of ["1.2", "2.0"]) {
        holds(`a ${who} of version ${version} is refused, with both versions named`, async (bench) => {
          const part = bench.part({ url: await bench.tampered(speaking(version, side)) });
          await until("it is refused", () => part.losses > 1);
          assert.equal(bench.links.get("arm"), undefined);
          const told = [...bench.refusals, ...part.log].join();
          assert.match(told, new RegExp(`link protocol ${version}`));
          assert.match(told, /1\.0/);
        });
      }
    }

    holds("of two parts with one name the first stays as long as it lives", async (bench) => {
      const first = bench.partProcess();
      const link = await bench.up();
      const second = bench.part();
      await until("the second is refused", () => second.losses > 1);
      assert.match(bench.refusals.join(), /another part named arm is linked and alive/);
      assert.equal(bench.links.get("arm"), link);
      assert.deepEqual(bench.downs, []);
      first.kill("SIGSTOP");
      await until("the second takes over", () => bench.links.get("arm")?.isUp && bench.links.get("arm") !== link);
      first.kill("SIGKILL");
      await once(first, "exit");
      const answered = call(bench.links.get("arm")!.call, [Buffer.of(1)]);
      await answered.done;
      assert.equal(answered.status?.code, 0);
    });
  });
}
