import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { after } from "node:test";
import type { SessionDescription } from "../peer.js";
import type { ChannelName, FromClient, ToClient } from "./client-messages.js";

/** A libdatachannel client as Viam's Node SDK makes one: both channels negotiated. */
export interface NodeClient {
  /** ms from the dial to the data channel's opening, signalling included. */
  readonly openedAfterMs: number;
  /** Resolves when the client's data channel is closed, whoever did it. */
  readonly closed: Promise<void>;
  readonly messages: { channel: ChannelName; message: Buffer | string }[];
  send(channel: ChannelName, message: Buffer | string): void;
  /** Round trips of `count` messages, one after the other, in ms, measured in the client. */
  echo(count: number): Promise<number[]>;
  close(): void;
}

export interface DialOptions {
  timeoutMs?: number;
}

export type Exchange = (offer: SessionDescription) => Promise<SessionDescription>;

/** A process with libdatachannel clients in it. */
export interface ClientHost {
  dial(exchange: Exchange, options?: DialOptions): Promise<NodeClient>;
  /** SIGKILL: the clients say nothing any more. Resolves when the process is gone. */
  kill(): Promise<void>;
}

export function createClientHost(): ClientHost {
  const child = fork(new URL("./client-process.js", import.meta.url), {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const handlers = new Map<number, (message: FromClient) => void>();
  child.on("message", (message: FromClient) => handlers.get(message.id)?.(message));
  let ids = 0;

  return {
    dial: (exchange, { timeoutMs = 5000 } = {}) => connect(child, handlers, ++ids, exchange, timeoutMs),
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

function connect(
  child: ChildProcess,
  handlers: Map<number, (message: FromClient) => void>,
  id: number,
  exchange: Exchange,
  timeoutMs: number,
): Promise<NodeClient> {
  const tell = (message: ToClient) => child.send(message);
  const messages: NodeClient["messages"] = [];
  let onEchoed: (roundTripsMs: number[]) => void = () => {};
  let onClosed = () => {};
  const closed = new Promise<void>((resolve) => {
    onClosed = resolve;
  });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no channel within ${timeoutMs} ms`)), timeoutMs);
    const refuse = (error: unknown) => {
      clearTimeout(timer);
      tell({ op: "close", id });
      reject(error);
    };
    handlers.set(id, (event) => {
      switch (event.op) {
        case "offer":
          exchange(event.offer).then((answer) => tell({ op: "answer", id, answer }), refuse);
          return;
        case "open":
          clearTimeout(timer);
          resolve({
            openedAfterMs: event.afterMs,
            closed,
            messages,
            send: (channel, message) =>
              tell({
                op: "send",
                id,
                channel,
                ...(typeof message === "string" ? { text: message } : { base64: message.toString("base64") }),
              }),
            echo: (count) =>
              new Promise((settle) => {
                onEchoed = settle;
                tell({ op: "echo", id, count });
              }),
            close: () => tell({ op: "close", id }),
          });
          return;
        case "message":
          messages.push({ channel: event.channel, message: event.text ?? Buffer.from(event.base64!, "base64") });
          return;
        case "echoed":
          onEchoed(event.roundTripsMs);
          return;
        case "closed":
          onClosed();
      }
    });
    tell({ op: "dial", id });
  });
}

let shared: ClientHost | undefined;
after(() => shared?.kill());

/** Dials from a process that all clients of a test file share. */
export function dialNodeClient(exchange: Exchange, options: DialOptions = {}): Promise<NodeClient> {
  shared ??= createClientHost();
  return shared.dial(exchange, options);
}
