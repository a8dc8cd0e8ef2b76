import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PAGE_CLIENT } from "@vigil/viam-client";
import { chromium } from "playwright-core";
import { build } from "vite";
import { keep } from "../living.js";
import { monotonicMs } from "../until.js";
import { type Client, ClientError, type ClientKind, createRedial, createRemoteVerbs } from "./client.js";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** A page of one script starts in well under a second. */
const PAGE_PATIENCE_MS = 10_000;

let bundle: Promise<string> | undefined;

/** The SDK and its verbs as one script, as an application's bundler makes it. */
function bundlePage(): Promise<string> {
  bundle ??= build({
    configFile: false,
    logLevel: "error",
    build: {
      write: false,
      minify: false,
      lib: { entry: fileURLToPath(PAGE_CLIENT), formats: ["es"], fileName: "page" },
    },
  }).then((result) => {
    const [output] = Array.isArray(result) ? result : [result];
    if (!output || !("output" in output)) throw new Error("the bundler gave no output");
    return output.output[0].code;
  });
  return bundle;
}

/** Serves the page from a port of its own on loopback, which is an origin of its own. */
async function servePage(script: string): Promise<{ server: Server; url: string }> {
  const server = createServer((request, response) => {
    const { contentType, body } = answerOf(request.url!, script);
    response.setHeader("content-type", contentType);
    response.end(body);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { server, url: `http://127.0.0.1:${address.port}/` };
}

function answerOf(path: string, script: string): { contentType: string; body: string } {
  return path.endsWith("/page.js")
    ? { contentType: "text/javascript", body: script }
    : {
        contentType: "text/html",
        body: '<!doctype html><title>client</title><script type="module" src="/page.js"></script>',
      };
}

/** A program that becomes the browser inside a namespace: playwright starts one executable. */
function writeLauncher(executablePath: string, namespace: string): { path: string; remove(): void } {
  const directory = mkdtempSync(join(tmpdir(), "vigil-browser-"));
  const path = join(directory, "browser");
  writeFileSync(path, `#!/bin/sh\nexec ip netns exec ${namespace} ${executablePath} "$@"\n`, { mode: 0o755 });
  return { path, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

/** A page in a browser of its own: killing the browser's process is the death of the client. */
export async function startPage(
  kind: ClientKind,
  executablePath: string,
  dial: { readonly way: string; readonly url: string; readonly host: string },
  namespace?: string,
): Promise<Client> {
  const script = await bundlePage();
  const { server, url } = await servePage(script);
  const launcher = namespace === undefined ? undefined : writeLauncher(executablePath, namespace);
  const browserServer = await chromium.launchServer({
    executablePath: launcher?.path ?? executablePath,
    headless: true,
    args: FLAGS,
  });
  const browser = await chromium.connect(browserServer.wsEndpoint());
  // Browsers ask people whether a page may reach into their network.
  const context = await browser.newContext({ permissions: ["local-network-access"] });
  const page = await context.newPage();
  // In a namespace of its own the browser reaches nothing but the robot.
  if (namespace !== undefined)
    await page.route(`${url}**`, (route) => route.fulfill(answerOf(route.request().url(), script)));
  page.setDefaultTimeout(PAGE_PATIENCE_MS);
  const said: string[] = [];
  page.on("console", (message) => said.push(message.text()));
  page.on("pageerror", (error) => said.push(error.message));
  await page.goto(url);
  await page.waitForFunction("'perform' in globalThis").catch((error: Error) => {
    throw new Error(`the page does not start: ${error.message}\n${said.join("\n")}`);
  });

  const perform = async (verb: string, args: unknown[]): Promise<unknown> => {
    const outcome = (await page.evaluate(
      `perform(${JSON.stringify(verb)}, ${JSON.stringify(args)}).then(
        (value) => ({ value }),
        (error) => ({ error: error.message, code: error.code }),
      )`,
    )) as { value?: unknown; error?: string; code?: number };
    if (outcome.error !== undefined) throw new ClientError(outcome.error, outcome.code);
    return outcome.value;
  };
  const process = keep(browserServer.process());
  const redial = createRedial(perform, dial);
  const client: Client = {
    ...createRemoteVerbs(perform),
    kind,
    get pid() {
      return process.pid!;
    },
    // A browser is several processes, in a group of their own; what one of them does is the client's doing.
    signal: (signal) => void globalThis.process.kill(-process.pid!, signal),
    async perform(verb, ...args) {
      if (verb !== "hang") return perform(verb, args);
      // It never comes back; the browser's end rejects it.
      page.evaluate("for (;;);").catch(() => undefined);
      return undefined;
    },
    redial,
    kill() {
      const at = monotonicMs();
      process.kill("SIGKILL");
      return at;
    },
    async close() {
      const ended = process.exitCode === null && process.signalCode === null ? once(process, "exit") : undefined;
      process.kill("SIGKILL");
      await ended;
      launcher?.remove();
      server.closeAllConnections();
      server.close();
    },
  };
  try {
    await redial();
    return client;
  } catch (error) {
    await client.close();
    throw new ClientError(`the page did not dial: ${(error as Error).message}\n${said.join("\n")}`);
  }
}
