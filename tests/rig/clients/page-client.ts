import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { fileURLToPath } from "node:url";
import { PAGE_CLIENT } from "@vigil/viam-client";
import { chromium } from "playwright-core";
import { build } from "vite";
import { keep } from "../living.js";
import { monotonicMs } from "../until.js";
import { type Client, ClientError, type ClientKind, createRemoteVerbs } from "./client.js";

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
    const isScript = request.url === "/page.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    response.end(
      isScript ? script : '<!doctype html><title>client</title><script type="module" src="/page.js"></script>',
    );
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { server, url: `http://127.0.0.1:${address.port}/` };
}

/** A page in a browser of its own: killing the browser's process is the death of the client. */
export async function startPage(
  kind: ClientKind,
  executablePath: string,
  dial: { readonly way: string; readonly url: string; readonly host: string },
): Promise<Client> {
  const { server, url } = await servePage(await bundlePage());
  const browserServer = await chromium.launchServer({ executablePath, headless: true, args: FLAGS });
  const browser = await chromium.connect(browserServer.wsEndpoint());
  const page = await browser.newPage();
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
  const client: Client = {
    ...createRemoteVerbs(perform),
    kind,
    get pid() {
      return process.pid!;
    },
    signal: (signal) => void process.kill(signal),
    kill() {
      const at = monotonicMs();
      process.kill("SIGKILL");
      return at;
    },
    async close() {
      const ended = process.exitCode === null && process.signalCode === null ? once(process, "exit") : undefined;
      process.kill("SIGKILL");
      await ended;
      server.closeAllConnections();
      server.close();
    },
  };
  try {
    await perform("dial", [dial.way, dial.url, dial.host]);
    return client;
  } catch (error) {
    await client.close();
    throw new ClientError(`the page did not dial: ${(error as Error).message}\n${said.join("\n")}`);
  }
}
