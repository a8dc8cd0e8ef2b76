export type { Picture, Verbs } from "./verbs.js";

/** Program of a Node client: see `serve-verbs.ts` for how to talk to it. */
export const NODE_CLIENT: URL = new URL("./node-client.js", import.meta.url);
/** Module to bundle into a page. */
export const PAGE_CLIENT: URL = new URL("./page-client.js", import.meta.url);
