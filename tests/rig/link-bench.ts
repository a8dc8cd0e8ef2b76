import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { createFrameSocket, createPartLinks, type PartLink, type PartLinks } from "@vigil/gateway/links";
import { createLogger, createSystemClock, systemRandom } from "@vigil/shared";
import { createAnswerer } from "@vigil/transport";
import { WebSocket, WebSocketServer } from "ws";
import { echo, LINK_SECRET, type LinkPart, type LinkPartOptions, startLinkPart } from "./link-part.js";
import { keep } from "./living.js";
import { until } from "./until.js";

export type Carrier = "webrtc" | "websocket";

/** What a message on a WebSocket between part and gateway becomes: other bytes, or several messages. */
export type Change = (bytes: Buffer, way: "to gateway" | "to part", path: "/parts" | "/parts/data") => Buffer[];

/** The gateway's end of the links of parts "arm" and "base", on real sockets, with nothing behind it. */
export interface LinkBench {
  readonly links: PartLinks;
  readonly downs: { readonly part: string; readonly cause: string }[];
  readonly refusals: string[];
  readonly url: string;
  part(options?: Partial<LinkPartOptions>): LinkPart;
  /** A part "arm" as a process of its own. */
  partProcess(): ChildProcess;
  /** Resolves with the link of a part once calls can flow. */
  up(part?: string): Promise<PartLink>;
  /** A second way in, on which everything that goes over WebSockets passes by here. */
  tampered(change: Change): Promise<string>;
  /** Somebody at the gateway's port who is no part. */
  stranger(path: string): Promise<WebSocket>;
  close(): Promise<void>;
}

export async function startLinkBench(carrier: Carrier, windowMs = 2000): Promise<LinkBench> {
  const clock = createSystemClock();
  const log = createLogger({ destination: { write() {} } });
  const answerer = createAnswerer({ clock, random: systemRandom }, { hostAddresses: ["127.0.0.1"] });
  const downs: { part: string; cause: string }[] = [];
  const refusals: string[] = [];
  const links = createPartLinks(
    {
      clock,
      random: systemRandom,
      log,
      parts: ["arm", "base"].map((name) => ({ name, secret: LINK_SECRET, prefix: "", maxCommandAgeMs: 300 })),
      leases: undefined,
      async answer(sdp) {
        const { answer, peer } = await answerer.answer({ type: "offer", sdp });
        return { sdp: answer.sdp, peer };
      },
      serve: () => echo,
    },
    { windowMs, software: "test" },
  );
  links.on("down", ({ link, cause }) => downs.push({ part: link.part.name, cause }));
  links.on("refused", ({ message }) => refusals.push(message));

  const servers: Server[] = [];
  const parts: LinkPart[] = [];
  const children: ChildProcess[] = [];
  const listen = async (accept: (socket: WebSocket, tcp: Socket, path: string) => void) => {
    const server = createServer();
    const sockets = new WebSocketServer({ noServer: true });
    server.on("upgrade", (request, tcp, head) =>
      sockets.handleUpgrade(request, tcp, head, (socket) => accept(socket, tcp as Socket, request.url ?? "")),
    );
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    servers.push(server);
    return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const url = await listen((socket, tcp, path) => {
    const frames = createFrameSocket(socket, tcp);
    if (path === "/parts") links.acceptControl(frames, "127.0.0.1");
    else links.acceptData(frames, new URL(path, url).searchParams.get("token") ?? "");
  });

  return {
    links,
    downs,
    refusals,
    url,
    part(options = {}) {
      const part = startLinkPart({ url, carrier, ...options });
      parts.push(part);
      return part;
    },
    partProcess() {
      const child = fork(fileURLToPath(new URL("./link-part-process.js", import.meta.url)), [url, carrier]);
      children.push(keep(child));
      return child;
    },
    up: (part = "arm") =>
      until(`the link of ${part} is up`, () => {
        const link = links.get(part);
        return link?.isUp && link;
      }),
    tampered: (change) =>
      listen((socket, _tcp, path) => {
        const upstream = new WebSocket(new URL(path, url));
        const waiting: Buffer[] = [];
        const name = path.startsWith("/parts/data") ? "/parts/data" : "/parts";
        upstream.on("open", () => {
          for (const bytes of waiting.splice(0)) upstream.send(bytes);
        });
        socket.on("message", (bytes: Buffer) => {
          for (const changed of change(bytes, "to gateway", name)) {
            if (upstream.readyState === WebSocket.OPEN) upstream.send(changed);
            else waiting.push(changed);
          }
        });
        upstream.on("message", (bytes: Buffer) => {
          for (const changed of change(bytes, "to part", name)) socket.send(changed);
        });
        socket.on("close", () => upstream.terminate());
        upstream.on("close", () => socket.terminate());
        upstream.on("error", () => socket.terminate());
      }),
    async stranger(path) {
      const socket = new WebSocket(new URL(path, url));
      socket.on("error", () => socket.terminate());
      await once(socket, "open");
      return socket;
    },
    async close() {
      for (const child of children) child.kill("SIGKILL");
      for (const part of parts) part.close();
      links.close();
      await answerer.close();
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
      }
    },
  };
}
