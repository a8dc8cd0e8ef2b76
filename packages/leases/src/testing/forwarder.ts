import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** A TCP path to a server, which a test can hold, cut and lead elsewhere. */
export interface Forwarder {
  readonly port: number;
  /** Connections made from now on go to this port of loopback. */
  leadTo(port: number): void;
  /** Keeps what goes this way until `release`. New connections are accepted and held too. */
  hold(way: "to-server" | "to-client"): void;
  release(): void;
  /** Ends every connection, and refuses new ones until `mend`. */
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

export async function startForwarder(serverPort: number, address = "127.0.0.1"): Promise<Forwarder> {
  const pairs = new Set<{ readonly client: Socket; readonly upstream: Socket }>();
  const held = new Set<"to-server" | "to-client">();
  let target = serverPort;
  let down = false;

  const server = createServer((client) => {
    if (down) return client.destroy();
    const upstream = connect(target, "127.0.0.1");
    const pair = { client, upstream };
    pairs.add(pair);
    client.on("data", (data) => upstream.write(data));
    upstream.on("data", (data) => client.write(data));
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on("error", () => other.destroy());
      one.on("close", () => {
        other.destroy();
        pairs.delete(pair);
      });
    }
    apply();
  });
  server.listen(0, address);
  await once(server, "listening");

  function apply(): void {
    for (const { client, upstream } of pairs) {
      for (const [source, way] of [
        [client, "to-server"],
        [upstream, "to-client"],
      ] as const) {
        if (held.has(way)) source.pause();
        else source.resume();
      }
    }
  }

  function cut(): void {
    down = true;
    for (const { client } of pairs) client.destroy();
  }

  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("no port");
  return {
    port: bound.port,
    leadTo(port) {
      target = port;
    },
    hold(way) {
      held.add(way);
      apply();
    },
    release() {
      held.clear();
      apply();
    },
    cut,
    mend() {
      down = false;
    },
    async close() {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}
