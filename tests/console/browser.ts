import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, chromium, type Locator, type Page } from "playwright-core";

/** Where distributions put Chromium; `CHROMIUM` names another place. */
const PLACES = [process.env.CHROMIUM ?? "", "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Chromium's path, or null when this machine has none. */
export function findChromium(): string | null {
  return PLACES.find((place) => place !== "" && existsSync(place)) ?? null;
}

/** A browser with a profile of its own that phones nowhere. */
export interface Browser {
  context: BrowserContext;
  close(): Promise<void>;
}

export async function openBrowser(executablePath: string): Promise<Browser> {
  const profile = await mkdtemp(join(tmpdir(), "vigil-console-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  return {
    context,
    async close() {
      await context.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** What a page did that it should not have: errors on its console, uncaught errors, requests to other origins. */
export function watchPage(page: Page, origin: string): string[] {
  const sins: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") sins.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => sins.push(`uncaught: ${error.message}`));
  const check = (address: string) => {
    const { protocol, host } = new URL(address);
    const own = host === new URL(origin).host || protocol === "blob:" || protocol === "data:";
    if (!own) sins.push(`left the origin: ${address}`);
  };
  page.on("request", (request) => check(request.url()));
  page.on("websocket", (socket) => check(socket.url()));
  return sins;
}

/** An element's text with each run of white space as one space. */
export async function wordsOf(element: Locator): Promise<string> {
  return ((await element.textContent()) ?? "").replaceAll(/\s+/g, " ");
}
